"""Sessions: short-term memories of their own over the one net of a server."""

from urllib.parse import quote

import msgspec

from realnet.client.http import Http


class SessionState(msgspec.Struct, frozen=True):
    """A session: how many tokens or frames it was given, and the tick of the last."""

    name: str
    tokens: int
    last_tick: int


class _List(msgspec.Struct):
    data: list[SessionState]


class AsyncSessions:
    """The sessions of a server's net. An input that names one makes it."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def list(self) -> list[SessionState]:
        """Return the sessions, the one that was given something last first."""
        return (await self._http.ask(_List, "GET", "/v1/sessions")).data

    async def forget(self, name: str) -> None:
        """Forget what a session has in mind; what was learnt in it stays. Raises NotFound."""
        name = quote(name, safe="")
        await self._http.ask(type(None), "DELETE", f"/v1/sessions/{name}")
