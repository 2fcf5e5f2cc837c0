"""What one WebSocket may hold: of the memory, of the loop's time, and how much of it is left when it has gone."""

import asyncio
import gc
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from service.server.websockets import BoundedWebSocket
from tests.server.listener import listener

pytestmark = pytest.mark.anyio

PING = b"\x89\xfd\x00\x00\x00\x00" + b"x" * 125
TINY_PING = b"\x89\x80\x00\x00\x00\x00"
DONE = b"\x81\x84\x00\x00\x00\x00done"
TURNS = 200  # of the loop, in which everything that can still happen on a local connection has happened


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": request.param}


@dataclass
class Listening:
    """A server whose application takes all messages; the only connection's protocol can be looked at."""

    port: int = 0
    state: ServerState = field(default_factory=ServerState)
    received: list[str] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            self.received.append(message["text"])

    @property
    def transport(self) -> asyncio.Transport:
        [connection] = self.state.connections
        return connection.transport

    def connect(self) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}", compression=None, ping_interval=None)

    async def until_received(self, text: str) -> int:
        """Turns of the loop until then."""
        turns = 0
        while text not in self.received:
            turns += 1
            await asyncio.sleep(0)
        return turns

    async def until_left(self) -> None:
        while self.state.connections or self.state.tasks:
            await asyncio.sleep(0)


@asynccontextmanager
async def listening() -> AsyncIterator[Listening]:
    app = Listening()
    config = uvicorn.Config(app, ws=BoundedWebSocket, ws_max_size=2**20, ws_ping_interval=None, log_config=None)
    async with listener(config, app.state) as app.port:
        yield app
        await app.until_left()


def raw(client: ClientConnection) -> socket.socket:
    """To send what no client would."""
    taken: socket.socket = client.transport.get_extra_info("socket")
    return socket.socket(fileno=socket.dup(taken.fileno()))


async def test_who_does_not_read_its_pongs_sends_no_more_pings() -> None:
    async with listening() as app, app.connect() as client:
        client.transport.pause_reading()
        with raw(client) as hostile:
            hostile.setblocking(False)
            idle = sent = 0
            while idle < TURNS:
                assert sent < 2**26
                try:
                    sent += hostile.send(PING * 500)
                    idle = 0
                except BlockingIOError:
                    idle += 1
                await asyncio.sleep(0)
        assert app.transport.get_write_buffer_size() < 2**17
        client.transport.abort()


async def test_who_reads_its_pongs_goes_on() -> None:
    async with listening() as app, app.connect() as client:
        with raw(client) as many:
            many.setblocking(False)
            await asyncio.get_running_loop().sock_sendall(many, PING * 50_000 + DONE)
        await app.until_received("done")


async def test_others_have_their_turn_between_many_small_frames() -> None:
    async with listening() as app, app.connect() as client:
        with raw(client) as many:
            many.setblocking(False)
            await asyncio.get_running_loop().sock_sendall(many, TINY_PING * 40_000 + DONE)
        assert await app.until_received("done") >= 25


async def test_a_message_has_an_end_of_fragments() -> None:
    async with listening() as app, app.connect() as client:
        await client.send(["x"] * 1000)
        await app.until_received("x" * 1000)
        with suppress(ConnectionClosed):
            await client.send([""] * 5000)
        while client.close_code is None and len(app.received) == 1:
            await asyncio.sleep(0)
        assert client.close_code == 1009


async def test_an_unfinished_message_goes_with_its_connection() -> None:
    async with listening() as app:
        gc.disable()
        tracemalloc.start()
        try:
            for _ in range(5):
                async with app.connect() as client:
                    with raw(client) as half:
                        half.setblocking(False)
                        first, second = b"\x01\xff", b"\x80\xff"  # a whole fragment, and half of the next one
                        for opcode in (first, second):
                            length = (500_000).to_bytes(8, "big")
                            part = opcode + length + bytes(4) + b"x" * (500_000 if opcode == first else 400_000)
                            await asyncio.get_running_loop().sock_sendall(half, part)
                        for _ in range(TURNS):
                            await asyncio.sleep(0)
                    client.transport.abort()
                await app.until_left()
            assert tracemalloc.get_traced_memory()[0] < 2_000_000
        finally:
            tracemalloc.stop()
            gc.enable()
