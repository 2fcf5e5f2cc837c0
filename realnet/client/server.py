"""Where a server is, the key to it, and which of its nets is meant."""

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

from realnet.client.errors import RealNetError

DEFAULT_URL = "http://127.0.0.1:8420"
_DEFAULT = "default"

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_OF_NO_NET = {"nets", "me", "hive", "cluster"}  # … and what is not under /v1


@dataclass(slots=True, frozen=True)
class Server:
    """Where a server is (http or https), the key to it if it needs one, and the net that is meant.

    Raises RealNetError for what cannot be the name of a net: it becomes a part of paths.
    """

    url: str
    key: str | None = None
    net: str | None = None

    def __post_init__(self) -> None:
        if self.net is not None:
            checked_net(self.net)

    @classmethod
    def of(cls, url: str | None = None, key: str | None = None, net: str | None = None) -> Self:
        """Return the server at `url`; what is not given is that of `REALNET_URL`, `REALNET_KEY` and `REALNET_NET`."""
        url = url or os.environ.get("REALNET_URL") or DEFAULT_URL
        key = key or os.environ.get("REALNET_KEY") or os.environ.get("REALNET_API_KEY")
        return cls(url.rstrip("/"), key, net or os.environ.get("REALNET_NET") or None)

    def path_of(self, path: str) -> str:
        """Return where the net that is meant has what the one of the server has at `path`."""
        _, version, what, *_ = f"{path}//".split("/")
        if self.net in (None, _DEFAULT) or version != "v1" or what in _OF_NO_NET:
            return path
        return f"/v1/nets/{self.net}{path.removeprefix('/v1')}"

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.key is None else {"Authorization": f"Bearer {self.key}"}

    @property
    def is_on_this_machine(self) -> bool:
        """Return whether the URL is of loopback, which no proxy of the environment leads to."""
        name = urlsplit(self.url).hostname or ""
        try:
            return name == "localhost" or ip_address(name).is_loopback
        except ValueError:  # another name
            return False


def checked_net(name: str) -> str:
    """Return the name of a net. Raises RealNetError for what cannot be one: it becomes a part of a path."""
    if _NAME.fullmatch(name) is None:
        raise RealNetError("a net's name has 1 to 64 signs of a-z 0-9 . _ -, and begins with a letter or a digit")
    return name
