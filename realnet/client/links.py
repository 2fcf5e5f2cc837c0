"""Link the net of a server with those of others, so that two are heard as one."""

from datetime import datetime
from typing import Literal

import msgspec

from realnet.client.http import Http


class LinkBits(msgspec.Struct, frozen=True):
    """Bits a token: of the own net, of the other, and of both heard as one."""

    own: float
    other: float
    both: float


class LinkGains(msgspec.Struct, frozen=True):
    """How far each net is heard."""

    own: float
    other: float


class NetLink(msgspec.Struct, frozen=True):
    """A link with another server's net: what of the `tokens` that both heard was expected, by each and by both."""

    id: str
    url: str
    since: datetime
    state: Literal["heard", "silent"]
    why: str | None
    tokens: int
    missed: int
    gains: LinkGains
    bits: LinkBits | None
    last_1000: LinkBits | None


class _List(msgspec.Struct):
    data: list[NetLink]


class AsyncLinks:
    """The links of a server's net."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def begin(self, url: str, key: str | None = None) -> NetLink:
        """Have the net hear that of the server at `url`, which `key` lets read, until the link is cut."""
        body = {"url": url} | ({} if key is None else {"key": key})
        return await self._http.ask(NetLink, "POST", "/v1/links", body=body)

    async def list(self) -> list[NetLink]:
        return (await self._http.ask(_List, "GET", "/v1/links")).data

    async def cut(self, id: str) -> None:
        """Cut a link: the net goes on as if there had been none."""
        await self._http.ask(type(None), "DELETE", f"/v1/links/{id}")
