"""What a gateway asks another server with: framing, connections that are kept, and those that break."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api import http_client
from service.api.http_client import Connection, NotConnected, Sent, Server

pytestmark = pytest.mark.anyio

CERTIFICATE = Path(__file__).with_name("localhost.pem")  # for 127.0.0.1, with its key, known to nobody
EMPTY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
TEXT = b"a text of several words, \r\n and of lines"
LENGTH = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\nx: 1\r\nx: 2\r\n\r\n%b" % (len(TEXT), TEXT)
CHUNKS = (
    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nx: 1\r\nx: 2\r\n\r\n"
    b"7\r\n%b\r\n%x\r\n%b\r\n0\r\ntrailer: 3\r\n\r\n" % (TEXT[:7], len(TEXT) - 7, TEXT[7:])
)
UNTIL_END = b"HTTP/1.1 201 Created\r\nx: 1\r\nx: 2\r\n\r\n" + TEXT
AFTER_OTHERS = b"HTTP/1.1 103 Early Hints\r\nlink: y\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + LENGTH


class Script:
    """A server that answers each request with the next of some octets, and then goes on or closes.

    Attributes:
        url: where it is, while it runs.
        heads, bodies: of the requests so far.
        connections: how many there have been.
    """

    def __init__(self, *answers: bytes, closes: bool = False, reads: bool = True) -> None:
        self.url = ""
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self._answers, self._closes, self._reads = list(answers), closes, reads

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls) as server:
            self.url = f"http{'' if tls is None else 's'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            asked = Server(self.url)
            yield asked
            asked.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                if self._reads:
                    self.bodies.append(await self._body(reader))
                writer.write(self._answers.pop(0))
                await writer.drain()
                if self._closes:
                    break

    async def _body(self, reader: asyncio.StreamReader) -> bytes:
        lines = dict(line.split(b": ", 1) for line in self.heads[-1].splitlines()[1:] if line)
        if b"transfer-encoding" not in lines:
            return await reader.readexactly(int(lines.get(b"content-length", 0)))
        body = b""
        while size := int(await reader.readuntil(b"\n"), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return body


async def asked(
    server: Server, method: str = "GET", body: Sent = None, *headers: tuple[bytes, bytes]
) -> tuple[int, bytes]:
    """Return the status and the body of an answer."""
    connection = await server.ask(method, b"/path?query", list(headers), body)
    try:
        return connection.status, await read(connection)
    finally:
        server.release(connection)


async def read(connection: Connection) -> bytes:
    found, has_more = await connection.part()
    while has_more:
        part, has_more = await connection.part()
        found += part
    return found


async def in_parts(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


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


class Wire(asyncio.Transport):
    """A transport whose other side is the test."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.reads_on, self.is_gone = b"", True, False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.is_gone

    def abort(self) -> None:
        self.is_gone = True

    def pause_reading(self) -> None:
        self.reads_on = False

    def resume_reading(self) -> None:
        self.reads_on = True


def wired(body: Sent = None) -> tuple[Connection, Wire]:
    """Return a connection on which a request has been sent."""
    connection, wire = Connection(None), Wire()
    connection.connection_made(wire)
    connection.ask("POST", b"/", b"host", [], body)
    return connection, wire


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
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        HELLO + HELLO,
        HELLO + b"what is no answer",
    ],
)
async def test_a_connection_is_not_kept_where_no_other_answer_may_follow(octets: bytes) -> None:
    script = Script(octets, HELLO)
    async with script.running() as server:
        assert await asked(server) == (200, b"hello")
        assert await asked(server) == (200, b"hello")
    assert script.connections == 2


async def test_a_connection_is_not_kept_after_what_nobody_asked_for() -> None:
    connection, wire = wired()
    connection.data_received(HELLO)
    assert (await read(connection), connection.is_free) == (b"hello", True)
    connection.data_received(HELLO)
    assert wire.is_gone
    assert not connection.is_free


async def test_a_connection_is_not_kept_after_a_body_that_should_not_be_there() -> None:
    connection, wire = Connection(None), Wire()
    connection.connection_made(wire)
    connection.ask("HEAD", b"/", b"host", [], None)
    connection.data_received(HELLO)
    assert (await read(connection), connection.is_free) == (b"", False)


async def test_what_one_did_not_take_of_his_answer_is_nobody_elses() -> None:
    script = Script(LENGTH, HELLO)
    async with script.running() as server:
        connection = await server.ask("GET", b"/", [], None)
        server.release(connection)
        assert await asked(server) == (200, b"hello")


async def test_whoever_waits_is_told_where_all_is_closed() -> None:
    script = Script(b"")
    async with script.running() as server:
        waiting = asyncio.create_task(server.ask("GET", b"/", [], None))
        while not script.heads:
            await asyncio.sleep(0)
        server.close()
        with pytest.raises(ConnectionAbortedError):
            await waiting


async def test_connections_are_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(*[HELLO] * 9)
    async with script.running() as server:
        three = [await server.ask("GET", b"/", [], None) for _ in range(3)]
        for connection in three:
            await read(connection)
            server.release(connection)
        assert await asked(server) == (200, b"hello")
        assert script.connections == 3
        monkeypatch.setattr(http_client, "_IDLE_SECONDS", -1.0)
        assert await asked(server) == (200, b"hello")
        assert script.connections == 4
        assert not any(connection.is_free for connection in three)


async def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    script = Script(HELLO, HELLO, closes=True)
    async with script.running() as server:
        connection = await server.ask("GET", b"/", [], None)
        await read(connection)
        server.release(connection)
        while connection.is_free:
            await asyncio.sleep(0)
        assert await asked(server) == (200, b"hello")
    assert script.connections == 2


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


async def test_a_server_that_is_not_there_has_seen_nothing() -> None:
    async with Script().running() as server:
        pass
    with pytest.raises(NotConnected, match="ConnectionRefusedError"):
        await server.ask("GET", b"/", [], None)


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_server_with_tls_is_asked_where_its_certificate_is_known(
    is_known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(CERTIFICATE)
    if is_known:
        monkeypatch.setattr(http_client, "tls", lambda: ssl.create_default_context(cafile=CERTIFICATE))
    script = Script(HELLO, CHUNKS)
    async with script.running(own) as server:
        if is_known:
            assert await asked(server, "POST", in_parts(b"some", b"parts")) == (200, b"hello")
            assert await asked(server) == (201, TEXT)
        else:
            with pytest.raises(NotConnected, match="CertVerificationError"):
                await asked(server)
    assert script.bodies == ([b"someparts", b""] if is_known else [])


async def test_a_server_may_be_silent_for_its_patience() -> None:
    connection, _ = Connection(0.01), Wire()
    connection.connection_made(Wire())
    connection.ask("GET", b"/", b"host", [], None)
    with pytest.raises(TimeoutError):
        await connection.begin()


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
