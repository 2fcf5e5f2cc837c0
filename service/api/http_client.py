"""Ask another server over HTTP/1.1, with no more than a gateway needs, which does so for every request that it has.

httptools reads the answers, as it reads requests in uvicorn. aiohttp, which can far more, took more than half of the
processor time of a gateway: docs/benchmarks.md, "A gateway".
"""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeAlias, cast
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from service.peers import tls

Headers: TypeAlias = list[tuple[bytes, bytes]]
Sent: TypeAlias = bytes | AsyncIterator[bytes] | None  # the body of a request

_CONNECT_SECONDS = 2.0
_IDLE_SECONDS = 3.0  # less than a server of ours keeps a connection on which nothing is asked
_AHEAD_BYTES = 2**17  # of an answer that nobody takes yet, until no more of it is read
_LENGTHS = (b"content-length", b"transfer-encoding")


class NotConnected(ConnectionError):
    """There is no connection, and the server has seen nothing."""


class Server:
    """A server at a URL, and the connections to it, each kept for the next request.

    It may say nothing for `patience` seconds.
    """

    def __init__(self, url: str, patience: float | None = None) -> None:
        parts = urlsplit(url)
        self._tls = tls() if parts.scheme == "https" else None
        self._host, self._port = parts.hostname or "", parts.port or (80 if self._tls is None else 443)
        self._name, self._folder = parts.netloc.encode(), parts.path.encode()
        self._patience = patience
        self._busy: set[Connection] = set()
        self._idle: dict[Connection, float] = {}  # since when; the one used last is last

    async def ask(self, method: str, target: bytes, headers: Headers, body: Sent) -> "Connection":
        """Send a request; return the connection that its answer comes on, which is then to be released.

        The headers are without the host and, unless `body` comes in parts, its length. Parts without a header of their
        length are sent in chunks. Raises NotConnected, and as `Connection.part`.
        """
        connection = self._kept() or await self._connect()
        self._busy.add(connection)
        try:
            connection.ask(method, self._folder + target, self._name, headers, body)
            await connection.begin()
        except BaseException:
            self.release(connection)
            raise
        return connection

    def release(self, connection: "Connection") -> None:
        """Keep a connection, or close one whose request or answer has not ended."""
        self._busy.discard(connection)
        if not connection.is_free:
            connection.abort()
            return
        now = asyncio.get_running_loop().time()
        self._idle[connection] = now
        if now - self._idle[oldest := next(iter(self._idle))] > _IDLE_SECONDS:
            del self._idle[oldest]
            oldest.abort()

    def close(self) -> None:
        """Close all connections, whatever is asked on them."""
        for connection in (*self._busy, *self._idle):
            connection.abort()
        self._idle.clear()

    def _kept(self) -> "Connection | None":
        while self._idle:
            connection, since = self._idle.popitem()
            if connection.is_free and asyncio.get_running_loop().time() - since < _IDLE_SECONDS:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> "Connection":
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self._patience), self._host, self._port, ssl=self._tls
                )
        except OSError as error:  # a TimeoutError is one, too
            raise NotConnected(type(error).__name__) from error
        return connection


class Connection(asyncio.Protocol):
    """A connection to a server, on which one request follows the other.

    Attributes:
        status, headers: of the answer.
    """

    def __init__(self, patience: float | None) -> None:
        self.status = 0
        self.headers: Headers = []
        self._patience = patience
        self._transport: asyncio.Transport
        self._sending: asyncio.Task[None] | None = None  # of a body that comes in parts
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._has_head = self._is_whole = self._stays = True  # of the answer; and the connection stays after it
        self._parts: list[bytes] = []
        self._size = 0
        self._news: asyncio.Future[None] | None = None
        self._is_lost = False
        self._failure: Exception | None = None

    @property
    def is_free(self) -> bool:
        """Return whether another request may be sent: the last one has been answered, and all of that was taken."""
        is_done = self._is_whole and not self._parts and self._sending is None
        return is_done and self._stays and not self._transport.is_closing()

    def ask(self, method: str, target: bytes, host: bytes, headers: Headers, body: Sent) -> None:
        """Send a request, as `Server.ask` has it."""
        self._has_head = self._is_whole = False
        self._is_bodiless = method == "HEAD"
        self._parser = HttpResponseParser(self)
        lines = [method.encode(), b" ", target, b" HTTP/1.1\r\nhost: ", host]
        for name, value in headers:
            lines += b"\r\n", name, b": ", value
        if body is None:
            self._transport.write(b"".join([*lines, b"\r\n\r\n"]))
        elif isinstance(body, bytes):
            self._transport.write(b"".join([*lines, b"\r\ncontent-length: %d\r\n\r\n" % len(body), body]))
        else:
            is_chunked = all(name != b"content-length" for name, _ in headers)
            end = b"\r\ntransfer-encoding: chunked\r\n\r\n" if is_chunked else b"\r\n\r\n"
            self._transport.write(b"".join([*lines, end]))
            self._sending = asyncio.create_task(self._send(body, is_chunked))

    async def begin(self) -> None:
        """Wait for the head of the answer. Raises as `part`."""
        while not self._has_head:
            await self._next()

    async def part(self) -> tuple[bytes, bool]:
        """Return the next part of the answer's body, and whether there is more.

        Raises OSError for a connection that is lost, or broken off because the answer is none.
        """
        while not (self._parts or self._is_whole):
            await self._next()
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        if self._size > _AHEAD_BYTES and not self._transport.is_closing():
            self._transport.resume_reading()
        self._size = 0
        return data, not self._is_whole

    def abort(self) -> None:
        """Close the connection, whatever is on its way."""
        if self._sending is not None:
            self._sending.cancel()
        self._break("it was closed here")

    async def _next(self) -> None:
        if self._is_lost:
            raise self._failure or ConnectionResetError
        self._news = asyncio.get_running_loop().create_future()
        await (self._news if self._patience is None else asyncio.wait_for(self._news, self._patience))

    async def _send(self, parts: AsyncIterator[bytes], is_chunked: bool) -> None:
        try:
            async for part in parts:
                await self._may_write.wait()
                if self._is_lost:
                    return
                if part:
                    self._transport.write(b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part)
            if is_chunked:
                self._transport.write(b"0\r\n\r\n")
        except Exception:  # whoever gives the parts knows why
            self._break("the request was not sent to its end")
            return
        self._sending = None

    def _break(self, why: str) -> None:
        self._failure = self._failure or ConnectionAbortedError(why)
        self._transport.abort()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    # What asyncio calls:

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._is_whole:  # nobody has asked for that
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._break(f"this is no answer: {error}")
            return
        if self._size > _AHEAD_BYTES:
            self._transport.pause_reading()
        self._tell()

    def connection_lost(self, error: Exception | None) -> None:
        self._is_lost = True
        self._failure = self._failure or error
        if self._failure is None and self._has_head and all(name.lower() not in _LENGTHS for name, _ in self.headers):
            self._is_whole = True  # such an answer ends with its connection
        self._may_write.set()
        self._tell()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    # What httptools calls:

    def on_message_begin(self) -> None:
        if self._is_whole:
            self._stays = False  # something follows that nobody has asked for
        elif not self._has_head:
            self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._has_head:  # else it is one behind the body
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if not self._has_head and status >= 200:  # before, answers that tell of others may come
            self.status, self._has_head = status, True
            self._is_whole = self._is_bodiless
            self._stays = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        if self._is_whole:
            self._stays = False
        else:
            self._parts.append(body)
            self._size += len(body)

    def on_message_complete(self) -> None:
        if self._has_head:
            self._is_whole = True
