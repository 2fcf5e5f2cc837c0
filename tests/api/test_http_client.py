"""What a gateway asks another server with: how requests are sent, and answers read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.http_client import NotConnected, Server
from tests.api.scripted_server import (
    AFTER_OTHERS,
    CHUNKS,
    EMPTY,
    HELLO,
    LENGTH,
    TEXT,
    UNTIL_END,
    Script,
    asked,
    in_parts,
    read,
    wired,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("octets", [LENGTH, CHUNKS, UNTIL_END, AFTER_OTHERS])
async def test_an_answer_is_read_however_it_is_framed(octets: bytes) -> None:
    script = Script(octets, closes=octets is UNTIL_END)
    async with script.running() as server:
        connection = await server.ask("GET", b"/", [], None)
        assert connection.status == 201
        assert [value for name, value in connection.headers if name == b"x"] == [b"1", b"2"]
        assert b"trailer" not in dict(connection.headers)
        assert b"link" not in dict(connection.headers)
        assert await read(connection) == TEXT


@given(octets=st.sampled_from([LENGTH, CHUNKS, AFTER_OTHERS]), cuts=st.sets(st.integers(1, 150)))
def test_an_answer_is_the_same_wherever_it_is_cut(octets: bytes, cuts: set[int]) -> None:
    async def fed() -> bytes:
        connection, _ = wired()
        places = [0, *sorted(cut for cut in cuts if cut < len(octets)), len(octets)]
        for start, end in pairwise(places):
            assert not connection.is_free
            connection.data_received(octets[start:end])
        found = await read(connection)
        assert connection.is_free
        return found

    assert asyncio.run(fed()) == TEXT


async def test_a_request_is_sent_as_it_is_given() -> None:
    script = Script(EMPTY, EMPTY, EMPTY, EMPTY)
    async with script.running() as server:
        await asked(server, "GET", None, (b"accept", b"*/*"))
        await asked(server, "POST", b"whole")
        await asked(server, "PUT", in_parts(b"some", b"", b"parts"))
        await asked(server, "PUT", in_parts(b"some", b"parts"), (b"content-length", b"9"))
    first, *others = script.heads
    lines = first.splitlines()
    assert lines[0] == b"GET /path?query HTTP/1.1"
    assert lines[1].startswith(b"host: 127.0.0.1:")
    assert lines[2:] == [b"accept: */*", b""]
    assert [head.splitlines()[2] for head in others] == [
        b"content-length: 5",
        b"transfer-encoding: chunked",
        b"content-length: 9",
    ]
    assert script.bodies == [b"", b"whole", b"someparts", b"someparts"]
    assert script.connections == 1


async def test_a_url_may_have_a_folder() -> None:
    script = Script(EMPTY)
    async with script.running():
        await asked(Server(f"{script.url}/folder"))
    assert script.heads[0].startswith(b"GET /folder/path?query HTTP/1.1")


@pytest.mark.parametrize(
    ("method", "octets", "status"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", 200),
        ("HEAD", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", 200),
        ("DELETE", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", 304),
    ],
)
async def test_an_answer_without_a_body_ends_with_its_head(method: str, octets: bytes, status: int) -> None:
    script = Script(octets, HELLO)
    async with script.running() as server:
        assert await asked(server, method) == (status, b"")
        assert await asked(server) == (200, b"hello")
    assert script.connections == 1


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"HTTP/1.1 200 O",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        LENGTH[:-1],
        CHUNKS[:-1],
        b"what is no answer\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        CHUNKS.replace(b"7\r\n", b"z\r\n"),
    ],
)
async def test_what_is_not_the_whole_of_an_answer_is_none(octets: bytes) -> None:
    script = Script(octets, HELLO, closes=True)
    async with script.running() as server:
        with pytest.raises(ConnectionError) as broken:
            await asked(server)
        assert not isinstance(broken.value, NotConnected)
        assert await asked(server) == (200, b"hello")


async def test_an_answer_may_come_before_the_whole_request() -> None:
    going_on = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"a beginning"
        await going_on.wait()

    script = Script(HELLO, HELLO, reads=False)
    async with script.running() as server:
        assert await asked(server, "POST", endless()) == (200, b"hello")
        assert await asked(server) == (200, b"hello")
    assert script.connections == 2


async def test_a_request_that_breaks_off_is_not_sent_as_a_whole_one() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a beginning"
        raise ValueError

    script = Script(HELLO)
    async with script.running() as server:
        with pytest.raises(ConnectionAbortedError):
            await server.ask("POST", b"/", [], broken())
    assert script.bodies == []


async def test_a_server_that_reads_slowly_is_not_sent_more() -> None:
    pulled: list[int] = []

    async def many() -> AsyncIterator[bytes]:
        for number in range(4):
            pulled.append(number)
            yield b"part"

    connection, wire = wired(many())
    connection.pause_writing()
    await settled(lambda: len(pulled))
    assert (pulled, b"part" in wire.written) == ([0], False)
    connection.resume_writing()
    await settled(lambda: len(pulled))
    assert wire.written.endswith(b"\r\n\r\n" + b"4\r\npart\r\n" * 4 + b"0\r\n\r\n")
    connection.data_received(HELLO)
    assert await read(connection) == b"hello"
    assert connection.is_free


async def test_of_an_answer_that_nobody_takes_not_all_is_read() -> None:
    connection, wire = wired()
    connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 400000\r\n\r\n")
    connection.data_received(bytes(100_000))
    assert wire.reads_on
    connection.data_received(bytes(100_000))
    assert not wire.reads_on
    assert await connection.part() == (bytes(200_000), True)
    assert wire.reads_on
    connection.data_received(bytes(200_000))
    assert await connection.part() == (bytes(200_000), False)


async def settled(count: Callable[[], int]) -> None:
    """Return once the loop has gone round without a change of this count."""
    before = -1
    while count() != before:
        before = count()
        for _ in range(10):
            await asyncio.sleep(0)
