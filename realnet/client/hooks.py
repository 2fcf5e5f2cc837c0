"""Have a server send the events of its streams to others."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from realnet.client.http import Http

HookKind: TypeAlias = Literal["webhook", "alertmanager"]


class Hook(msgspec.Struct, frozen=True):
    """Where events are sent, and how that goes; `secret`, by which a webhook's messages are signed, is told once."""

    id: str
    url: str
    kind: HookKind
    streams: list[str]
    since: datetime
    state: Literal["ok", "retrying", "failing"]
    delivered: int
    waiting: int
    lost: int
    error: str | None
    failures: int
    next_try: datetime | None
    last_delivery: datetime | None
    secret: str | None = None


class _List(msgspec.Struct):
    data: list[Hook]


class AsyncHooks:
    """Where a server sends the events of its streams."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def add(
        self, url: str, kind: HookKind = "webhook", *, secret: str | None = None, streams: Sequence[str] = ()
    ) -> Hook:
        """Have events sent to `url` from now on: of all streams, or of those that are named (`web-*` for several)."""
        body = {"url": url, "kind": kind, "streams": list(streams)} | ({} if secret is None else {"secret": secret})
        return await self._http.ask(Hook, "POST", "/v1/hooks", body=body)

    async def list(self) -> list[Hook]:
        return (await self._http.ask(_List, "GET", "/v1/hooks")).data

    async def delete(self, id: str) -> None:
        await self._http.ask(type(None), "DELETE", f"/v1/hooks/{id}")

    async def test(self, id: str) -> None:
        """Have an event sent that is none. Raises PeerFailed where it is not taken."""
        await self._http.ask(type(None), "POST", f"/v1/hooks/{id}/test")
