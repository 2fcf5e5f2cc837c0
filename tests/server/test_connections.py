"""Where silent connections hold every place, the health check is answered, and nobody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from service.server.connections import bounded_connections
from service.settings import Settings
from tests.server.listener import listener

pytestmark = pytest.mark.anyio

MOST = 4
UPGRADE = "upgrade: websocket\r\nconnection: upgrade\r\n"


@dataclass
class Listening:
    """A server of at most MOST connections whose application answers everything with 200."""

    port: int = 0
    state: ServerState = field(default_factory=ServerState)
    silent: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async def be_silent(self, times: int) -> list[asyncio.StreamReader]:
        """Open connections on which nothing is said; returns when the server has them all."""
        opened = []
        for _ in range(times):
            before = set(self.state.connections)
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            self.silent.append(writer)
            opened.append(reader)
            while not self.state.connections - before:
                await asyncio.sleep(0)
        return opened

    async def ask(self, path: str, headers: str = "") -> bytes:
        """The answer, to the end of the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    async def leave(self) -> None:
        """Close all silent connections; returns when the server has noticed."""
        for writer in self.silent:
            writer.close()
            await writer.wait_closed()
        while self.state.connections:
            await asyncio.sleep(0)


@asynccontextmanager
async def listening() -> AsyncIterator[Listening]:
    app = Listening()
    settings = Settings(max_connections=MOST, header_seconds=60)
    config = uvicorn.Config(app, http=bounded_connections(settings), log_config=None)
    async with listener(config, app.state) as app.port:
        try:
            yield app
        finally:
            await app.leave()


async def test_health_is_answered_where_silent_connections_hold_all_places() -> None:
    async with listening() as app:
        await app.be_silent(100)
        for _ in range(3):
            assert (await app.ask("/healthz")).startswith(b"HTTP/1.1 200 ")
            for headers in ("", UPGRADE):
                refused = await app.ask("/v1/stream", headers)
                assert refused.startswith(b"HTTP/1.1 503 ")
                assert b"retry-after: 1\r\n" in refused
        await app.leave()
        assert (await app.ask("/v1/net", "connection: close\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_who_has_a_place_keeps_it() -> None:
    async with listening() as app:
        first = await app.be_silent(MOST)
        others = await app.be_silent(50)
        assert (await others[0].read()).startswith(b"HTTP/1.1 503 ")  # the oldest that had no place
        app.silent[0].write(b"GET /v1/net HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert (await first[0].readline()).startswith(b"HTTP/1.1 200 ")
