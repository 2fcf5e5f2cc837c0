"""Where a server is, and the key to it."""

import os
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

DEFAULT_URL = "http://127.0.0.1:8420"


@dataclass(slots=True, frozen=True)
class Server:
    """Where a server is (http or https), and the key to it if it needs one."""

    url: str
    key: str | None = None

    @classmethod
    def of(cls, url: str | None = None, key: str | None = None) -> Self:
        """Return the server at `url`; what is not given is that of `REALNET_URL` and `REALNET_KEY`."""
        url = url or os.environ.get("REALNET_URL") or DEFAULT_URL
        key = key or os.environ.get("REALNET_KEY") or os.environ.get("REALNET_API_KEY")
        return cls(url.rstrip("/"), key)

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
