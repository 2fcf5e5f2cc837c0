"""Pass a request on to another server, and its answer back, both as they come."""

import asyncio
from collections import defaultdict
from typing import TypeAlias
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from service.api.upstream import Broken, Headers, Upstream
from service.peers import tls

_CONNECT_SECONDS = 2.0
_IDLE_SECONDS = 3.0  # less than a server of ours keeps a connection on which nothing is asked
_KEPT_BYTES = 2**16  # of a body, which can then be sent again
_PORTS = {"http": 80, "https": 443}
_OF_THE_CONNECTION = {b"connection", b"keep-alive", b"transfer-encoding", b"te", b"trailer", b"upgrade"}
_OF_THE_ANSWER = _OF_THE_CONNECTION | {b"date", b"server"}
# A page's origin was checked here, where it asked; the other server would compare it with its own address.
_NOT_SENT = _OF_THE_CONNECTION | {b"host", b"origin", b"expect", b"content-length", b"x-forwarded-for"}


Answer: TypeAlias = tuple[int, Headers, bytes]  # the status, the headers and the body


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""


class Body:
    """The body of a request.

    Attributes:
        read: what has been read of it beforehand.
        has_more: more is to come.
        is_kept: all that has been sent of it is in `read`, so that it can be sent again.
    """

    def __init__(self, scope: Connection, receive: Receive) -> None:
        said = dict(each for each in scope["headers"] if each[0] in (b"content-length", b"transfer-encoding"))
        self.read = b""
        self.has_more = bool(said)
        self.is_kept = True
        self._is_there = bool(said)
        self._length = said.get(b"content-length")
        self._receive = receive

    async def begin(self, most: float = _KEPT_BYTES) -> None:
        """Read on until all of it has come, or more than `most` bytes. Raises ClientLeft, and as `receive` does."""
        parts, size = [self.read], len(self.read)
        while self.has_more and size <= most:
            parts.append(await self._next())
            size += len(parts[-1])
        self.read = b"".join(parts)

    @property
    def header(self) -> Headers:
        """Return the header that says how long it is."""
        if not self._is_there:
            return []
        if self.has_more and self._length is None:
            return [(b"transfer-encoding", b"chunked")]
        return [(b"content-length", self._length or b"%d" % len(self.read))]

    async def send(self, connection: Upstream) -> None:
        """Send all that has not been read beforehand, and then wait for the client to leave."""
        is_chunked = self.has_more and self._length is None
        try:
            while self.has_more:
                data = await self._next()
                self.is_kept = False
                connection.write(_chunk(data) if is_chunked else data)
                await connection.written()
            if is_chunked:
                connection.write(b"0\r\n\r\n")
            while (await self._receive())["type"] != "http.disconnect":
                pass
            connection.fail(ClientLeft())
        except (ClientLeft, HTTPException) as error:
            connection.fail(error)

    @property
    def first(self) -> bytes:
        """Return what was read beforehand as it is sent."""
        return _chunk(self.read) if self.has_more and self._length is None else self.read

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        self.has_more = message.get("more_body", False)
        data: bytes = message.get("body", b"")
        return data


class Passer:
    """Connections to other servers, each kept for the next request.

    `patience` is for how many seconds one may say nothing.
    """

    def __init__(self, patience: float | None = None) -> None:
        self._patience = patience
        self._idle: dict[str, list[Upstream]] = defaultdict(list)
        self._busy: dict[str, set[Upstream]] = defaultdict(set)

    async def pass_on(self, url: str, scope: Connection, body: Body, send: Send, headers: Headers) -> None:
        """Pass a request on to the server at a URL, with `headers` beside its own.

        Raises Broken, or for its body HTTPException, as long as nothing is answered: later the answer is broken off.
        """
        has_begun = False
        connection = await self._take(url)
        try:
            said = [*body.header, *headers]
            connection.begin(scope["method"].encode(), target_of(scope), _sent(url, scope, said), body.first)
            beside = asyncio.create_task(body.send(connection))
            try:
                async with asyncio.timeout(self._patience):
                    status, came = await connection.head()
                has_begun = True
                kept = [each for each in came if each[0] not in _OF_THE_ANSWER]
                await send({"type": "http.response.start", "status": status, "headers": kept})
                is_last = False
                while not is_last:
                    async with asyncio.timeout(self._patience):
                        part, is_last = await connection.part()
                    await send({"type": "http.response.body", "body": part, "more_body": not is_last})
            finally:
                beside.cancel()
        except ClientLeft:
            pass
        except TimeoutError:
            if not has_begun:
                raise Broken("it says nothing", is_sent=True) from None
        except (Broken, HTTPException):
            if not has_begun:
                raise
        finally:
            self._give_back(url, connection, not body.has_more)

    async def ask(self, url: str, target: bytes, headers: Headers) -> Answer:
        """Return the answer to a GET. Raises Broken."""
        connection = await self._take(url)
        try:
            connection.begin(b"GET", target, [_host_of(url), *headers], b"")
            status, came = await connection.head()
            whole, is_last = b"", False
            while not is_last:
                part, is_last = await connection.part()
                whole += part
            return status, came, whole
        finally:
            self._give_back(url, connection, True)

    def drop(self, url: str) -> None:
        """Break all connections to a server off."""
        for connection in [*self._idle.pop(url, ()), *self._busy.pop(url, ())]:
            connection.fail(Broken("the server is gone", is_sent=True))

    def close(self) -> None:
        for url in [*self._idle, *self._busy]:
            self.drop(url)

    async def _take(self, url: str) -> Upstream:
        """Return a connection to a server. Raises Broken."""
        idle, loop = self._idle[url], asyncio.get_running_loop()
        while idle:
            connection = idle.pop()
            if connection.is_open and loop.time() < connection.idle_since + _IDLE_SECONDS:
                self._busy[url].add(connection)
                return connection
            connection.close()
        parts = urlsplit(url)
        context = tls() if parts.scheme == "https" else None
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, connection = await loop.create_connection(
                    Upstream, parts.hostname or "", parts.port or _PORTS[parts.scheme], ssl=context
                )
        except OSError as error:  # TimeoutError is one
            raise Broken(type(error).__name__, is_sent=False) from error
        self._busy[url].add(connection)
        return connection

    def _give_back(self, url: str, connection: Upstream, is_reusable: bool) -> None:
        self._busy[url].discard(connection)
        if is_reusable and connection.is_free:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle[url].append(connection)
        else:
            connection.close()


def target_of(scope: Connection) -> bytes:
    """Return the path and the query as they came."""
    path: bytes = scope["raw_path"]
    return path + b"?" + scope["query_string"] if scope["query_string"] else path


def _sent(url: str, scope: Connection, headers: Headers) -> Headers:
    own = [each for each in scope["headers"] if each[0] not in _NOT_SENT]
    return [_host_of(url), *own, *headers]


def _host_of(url: str) -> tuple[bytes, bytes]:
    return b"host", url.partition("://")[2].encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
