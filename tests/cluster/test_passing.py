"""Requests that are passed on to a server that hangs or takes no connection, and those whose client leaves."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress

import pytest
from starlette.types import Message
from starlette.types import Scope as Connection

from service.api import http_client, passing
from service.api.passing import Body, Broken, Passer

pytestmark = pytest.mark.anyio

BEGUN = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhe"
SCOPE: Connection = {"type": "http", "method": "GET", "raw_path": b"/", "query_string": b"", "headers": []}


class Client:
    """A client that may leave.

    Attributes:
        told: what has been sent to it.
    """

    def __init__(self) -> None:
        self.told: list[Message] = []
        self.is_told = asyncio.Event()
        self.leaves = asyncio.Event()

    async def receive(self) -> Message:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.told.append(message)
        if message.get("body"):
            self.is_told.set()


@asynccontextmanager
async def hanging(answer: bytes) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Run a server that answers so much of a request and then nothing; give its URL, and what is set at its end."""
    asked, left = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            asked.set()
            with suppress(ConnectionError):
                await reader.read()
            left.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
        await left.wait()


@asynccontextmanager
async def passed_on(passer: Passer, url: str) -> AsyncIterator[tuple[Client, "asyncio.Task[None]"]]:
    client = Client()
    yield client, asyncio.create_task(passer.pass_on(url, SCOPE, Body(SCOPE, client.receive), client.send, []))
    passer.close()


async def test_one_that_hangs_is_broken_off_where_its_server_is_dropped() -> None:
    passer = Passer()
    async with hanging(b"") as (url, asked), passed_on(passer, url) as (client, passing_on):
        await asked.wait()
        passer.drop(url)
        with pytest.raises(Broken) as broken:
            await passing_on
        assert broken.value.is_sent
        assert client.told == []


async def test_an_answer_that_has_begun_ends_where_its_server_is_dropped() -> None:
    passer = Passer()
    async with hanging(BEGUN) as (url, _), passed_on(passer, url) as (client, passing_on):
        await client.is_told.wait()
        passer.drop(url)
        await passing_on
        assert client.told[-1] == {"type": "http.response.body", "body": b"he", "more_body": True}


@pytest.mark.parametrize("answer", [b"", BEGUN])
async def test_a_server_is_left_where_the_client_leaves(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passing, "_LOOK_SECONDS", 0.0)
    async with hanging(answer) as (url, asked), passed_on(Passer(), url) as (client, passing_on):
        await asked.wait()
        client.leaves.set()
        await passing_on


async def test_who_takes_no_connection_has_seen_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "_CONNECT_SECONDS", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as frozen:
        address = frozen.getsockname()
        waiting = [socket.socket() for _ in range(4)]  # more than the system keeps for one that accepts none
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        passer = Passer()
        with pytest.raises(Broken) as broken:
            await passer.ask(f"http://127.0.0.1:{address[1]}", b"/readyz", [])
        assert not broken.value.is_sent
        passer.close()
        for each in waiting:
            each.close()
