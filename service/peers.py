"""Other servers that this one calls when it is told to: only those on hosts that the settings name."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from ssl import SSLContext
from urllib.parse import urlsplit

import httpx
from httpx import codes

from service.errors import ErrorLocation, Forbidden, Invalid, PeerFailed

_SECONDS = httpx.Timeout(60.0, connect=5.0)
_NET = re.compile(r"/v1/nets/[a-z0-9][a-z0-9._-]{0,63}")


@cache
def tls() -> SSLContext:
    """Return how clients check who a server is: one for all, since to load the certificates takes 40 ms."""
    return httpx.create_ssl_context(trust_env=False)


@dataclass(frozen=True, slots=True)
class Peer:
    """A net of another server: the URL of that, with `/v1/nets/NAME` if it is not its own one, and the key to it."""

    url: str
    key: str | None = None

    @property
    def base(self) -> str:
        """Return the URL below which is what `/v1` has of the net."""
        url = self.url.rstrip("/")
        return url if urlsplit(url).path else f"{url}/v1"

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.key is None else {"Authorization": f"Bearer {self.key}"}

    def http(self) -> httpx.AsyncClient:
        """Return a client for it, to be closed; it follows no redirect, which could lead to any host."""
        return httpx.AsyncClient(
            base_url=self.base, headers=self.headers, verify=tls(), timeout=_SECONDS, trust_env=False
        )


def peer_of(url: str, key: str | None, allowed: Collection[str], pointer: str = "/url") -> Peer:
    """Return the server at a URL. Raises Invalid for what is no URL of a server, Forbidden for a host not allowed."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    path = parts.path.rstrip("/")
    is_net = not path or _NET.fullmatch(path) is not None
    if parts.scheme not in ("http", "https") or host is None or not is_net or parts.query or parts.fragment:
        raise Invalid([ErrorLocation(detail="must be like http://host:8420 or …/v1/nets/NAME", pointer=pointer)])
    if parts.username is not None or parts.password is not None:
        raise Invalid([ErrorLocation(detail="give the key by itself, not in the URL", pointer=pointer)])
    _check_host(host, allowed)
    return Peer(f"{parts.scheme}://{parts.netloc}{path}", key)


def check_address(url: str, allowed: Collection[str], pointer: str = "/url") -> None:
    """Raise Invalid for what is no URL to post to, Forbidden for one on a host that is not allowed."""
    try:
        parts = httpx.URL(url)  # which is what calls it: two readers may find two hosts in one URL
    except httpx.InvalidURL:
        parts = httpx.URL("")
    if parts.scheme not in ("http", "https") or not parts.host or parts.fragment or (parts.port or 0) > 65_535:
        raise Invalid([ErrorLocation(detail="must be like http://host/path", pointer=pointer)])
    if parts.userinfo:
        raise Invalid([ErrorLocation(detail="may have no name and no password", pointer=pointer)])
    _check_host(parts.host, allowed)


def _check_host(host: str, allowed: Collection[str]) -> None:
    if host not in allowed:
        raise Forbidden(f"the server's settings do not allow it to call {host}: name it in REALNET_PEERS")


def failed(peer: Peer, status: int, body: bytes | bytearray) -> PeerFailed:
    """Return the error of another server's refusal, in one line."""
    try:
        problem = json.loads(body)
        told = problem.get("detail") or "; ".join(each["detail"] for each in problem.get("errors", ()))
        told = told or problem["title"]
    except (ValueError, KeyError, TypeError, AttributeError):
        told = codes.get_reason_phrase(status)
    return PeerFailed(f"{peer.url} answers {status}: {' '.join(str(told).split())[:300]}")
