"""A server that answers what it is told to, octet by octet, and what asks it: for the tests of a gateway's client."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.api.http_client import Connection, Sent, Server

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
