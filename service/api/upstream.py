"""A connection to another server over HTTP/1.1, which a request has to itself until it is answered."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import cast

import httptools

Headers = list[tuple[bytes, bytes]]

_WAITING_BYTES = 2**18  # of an answer, that wait for a client who reads slowly


class Broken(Exception):
    """A connection that could not be made, or has broken.

    Attributes:
        is_sent: the server may have read something of the request.
    """

    def __init__(self, why: str, is_sent: bool) -> None:
        super().__init__(why)
        self.is_sent = is_sent


class Upstream(asyncio.Protocol):
    """What has come of an answer waits here until it is taken; the server is held back by TCP.

    Attributes:
        is_open: it may be used for another request, once one is answered.
        idle_since: when it was last given back.
    """

    def __init__(self) -> None:
        self.is_open = False
        self.idle_since = 0.0
        self._parser = httptools.HttpResponseParser(self)
        self._failure: Exception | None = None
        self._came: asyncio.Future[None] | None = None  # whoever waits for what comes
        self._written: asyncio.Future[None] | None = None  # … and for what is written to leave
        self._begin_answer(is_head=False)

    def _begin_answer(self, is_head: bool) -> None:
        self._is_head = is_head
        self._status: int | None = None
        self._headers: Headers = []
        self._parts: deque[bytes] = deque()
        self._waiting = 0
        self._is_whole = False

    def begin(self, method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """Send a request's head, and what there is of its body."""
        self._begin_answer(method == b"HEAD")
        lines = [b"%b %b HTTP/1.1" % (method, target), *(b"%b: %b" % each for each in headers), b"", body]
        self._transport.write(b"\r\n".join(lines))

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    async def written(self) -> None:
        """Wait while more is on its way than the system takes."""
        if self._written is not None:
            await self._written

    async def head(self) -> tuple[int, Headers]:
        """Return the status and the headers. Raises Broken, or what `fail` was told."""
        while self._status is None:
            await self._next()
        return self._status, self._headers

    async def part(self) -> tuple[bytes, bool]:
        """Return what has come of the body, and whether that is all. Raises as `head`."""
        while not self._parts and not self._is_whole:
            await self._next()
        came = self._parts.popleft() if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        if self._waiting > _WAITING_BYTES and not self._transport.is_closing():
            self._transport.resume_reading()
        self._waiting = 0
        return came, self._is_whole

    @property
    def is_free(self) -> bool:
        """Return whether another request may use it."""
        return self.is_open and self._is_whole and not self._parts

    def close(self) -> None:
        self.is_open = False
        self._transport.abort()

    def fail(self, error: Exception) -> None:
        """Break the connection off; whoever waits for the answer is told this error."""
        if self._failure is None:
            self._failure = error
        self.is_open = False
        self._transport.abort()
        self._wake()

    async def _next(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._came = asyncio.get_running_loop().create_future()
        await self._came

    def _wake(self) -> None:
        if self._came is not None and not self._came.done():
            self._came.set_result(None)

    # What asyncio calls:

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.fail(Broken("what it answers is not HTTP", is_sent=True))

    def connection_lost(self, error: Exception | None) -> None:
        self.fail(Broken("the connection was lost" if error is None else str(error), is_sent=True))
        self.resume_writing()

    def pause_writing(self) -> None:
        self._written = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        written, self._written = self._written, None
        if written is not None and not written.done():
            written.set_result(None)

    # What the parser calls:

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # a word before the answer
            self._headers = []
            return
        self._status = status
        if self._is_head:  # the parser would wait for a body
            self._is_whole, self.is_open = True, False
        self._wake()

    def on_body(self, data: bytes) -> None:
        self._parts.append(data)
        before, self._waiting = self._waiting, self._waiting + len(data)
        if before <= _WAITING_BYTES < self._waiting:
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if self._status is None:
            return
        self._is_whole = True
        if not self._parser.should_keep_alive():
            self.is_open = False
        self._wake()
