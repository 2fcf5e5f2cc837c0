"""Pass a request on to another server, and its answer back, both as they come."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TypeAlias

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    TCPConnector,
)
from starlette.exceptions import HTTPException
from starlette.types import Receive, Send
from starlette.types import Scope as Connection
from yarl import URL

from service.peers import tls

Headers: TypeAlias = list[tuple[bytes, bytes]]
Answer: TypeAlias = tuple[int, Headers, bytes]  # the status, the headers and the body

#: A header of what one shard of a cluster asks another, with the proof of that: nobody's is passed on.
TO_A_SHARD = "realnet-shard"

_CONNECT_SECONDS = 2.0
_CLOSE_SECONDS = 1.0
_IDLE_SECONDS = 3.0  # less than a server of ours keeps a connection on which nothing is asked
_KEPT_BYTES = 2**16  # of a body, which can then be sent again
_ADDED = ("accept", "accept-encoding", "content-type", "user-agent")  # to a request that has none, if not told
_OF_THE_CONNECTION = {b"connection", b"keep-alive", b"transfer-encoding", b"te", b"trailer", b"upgrade"}
_OF_THE_ANSWER = _OF_THE_CONNECTION | {b"date", b"server"}
# A page's origin was checked here, where it asked; the other server would compare it with its own address.
_NOT_SENT = (
    _OF_THE_CONNECTION | {b"host", b"origin", b"expect", b"content-length", b"x-forwarded-for"} | {TO_A_SHARD.encode()}
)


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""


class Broken(Exception):
    """A connection that could not be made, or has broken.

    Attributes:
        is_sent: the server may have read something of the request.
    """

    def __init__(self, why: str, is_sent: bool) -> None:
        super().__init__(why)
        self.is_sent = is_sent


class Body:
    """The body of a request.

    Attributes:
        read: what has been read of it beforehand.
        has_more: more is to come.
        is_kept: all that has been sent of it is in `read`, so that it can be sent again.
        failure: why the rest of it does not come.
        is_answered: an answer to it has begun.
    """

    def __init__(self, scope: Connection, receive: Receive) -> None:
        said = dict(each for each in scope["headers"] if each[0] in (b"content-length", b"transfer-encoding"))
        self.read = b""
        self.has_more = bool(said)
        self.is_kept = True
        self.failure: Exception | None = None
        self.is_answered = False
        self._length = said.get(b"content-length")
        self._receive = receive
        self._is_whole = asyncio.Event()

    async def begin(self, most: float = _KEPT_BYTES) -> None:
        """Read on until all of it has come, or more than `most` bytes. Raises ClientLeft, and as `receive` does."""
        parts, size = [self.read], len(self.read)
        while self.has_more and size <= most:
            parts.append(await self._next())
            size += len(parts[-1])
        self.read = b"".join(parts)

    @property
    def header(self) -> Headers:
        """Return the header that says how long it is, unless that is told by itself."""
        return [(b"content-length", self._length)] if self.has_more and self._length is not None else []

    @property
    def data(self) -> bytes | AsyncIterator[bytes] | None:
        """Return it as far as it has come, or what yields it as it comes."""
        return self._parts() if self.has_more else self.read or None

    async def left(self) -> None:
        """Wait until all has been read, and then for the client to leave."""
        if self.has_more:
            await self._is_whole.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _parts(self) -> AsyncIterator[bytes]:
        if self.read:
            yield self.read
        try:
            while self.has_more:
                data = await self._next()
                self.is_kept = False
                yield data
        except (ClientLeft, HTTPException) as error:
            self.failure = error
            raise
        self._is_whole.set()

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
        self._times = ClientTimeout(sock_connect=_CONNECT_SECONDS, sock_read=patience)
        self._sessions: dict[str, ClientSession] = {}
        self._busy: defaultdict[str, set[asyncio.Task[None]]] = defaultdict(set)

    async def pass_on(self, url: str, scope: Connection, body: Body, send: Send, headers: Headers) -> None:
        """Pass a request on to the server at a URL, with `headers` beside its own.

        Raises Broken, or for its body HTTPException, as long as nothing is answered: later the answer is broken off.
        """
        answering = asyncio.create_task(self._answer(url, scope, body, send, headers))
        leaving = asyncio.create_task(body.left())
        self._busy[url].add(answering)
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            if answering.cancelled():  # by `drop`
                if not body.is_answered:
                    raise Broken("the server is gone", is_sent=True)
            elif answering.done():
                answering.result()
        finally:
            self._busy[url].discard(answering)
            answering.cancel()
            leaving.cancel()

    async def ask(self, url: str, target: bytes, headers: Headers) -> Answer:
        """Return the answer to a GET. Raises Broken."""
        try:
            async with self._session(url).get(_url(url, target), headers=_words(headers)) as answer:
                return answer.status, list(answer.raw_headers), await answer.read()
        except (ClientError, TimeoutError) as error:
            raise _broken(error) from error

    async def drop(self, url: str) -> None:
        """Break all connections to a server off."""
        for task in self._busy.pop(url, ()):
            task.cancel()
        if (session := self._sessions.pop(url, None)) is not None:
            with suppress(TimeoutError):  # where the server takes nothing any more
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await session.close()

    async def close(self) -> None:
        for url in list(self._sessions):
            await self.drop(url)

    async def _answer(self, url: str, scope: Connection, body: Body, send: Send, headers: Headers) -> None:
        own = [each for each in scope["headers"] if each[0] not in _NOT_SENT]
        said = _words([*own, *body.header, *headers])
        asked = self._session(url).request(
            scope["method"], _url(url, target_of(scope)), headers=said, data=body.data, allow_redirects=False
        )
        try:
            async with asked as answer:
                body.is_answered = True
                lower = ((name.lower(), value) for name, value in answer.raw_headers)
                kept = [each for each in lower if each[0] not in _OF_THE_ANSWER]
                await send({"type": "http.response.start", "status": answer.status, "headers": kept})
                async for part in answer.content.iter_any():
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except (ClientError, TimeoutError) as error:
            if body.is_answered or isinstance(body.failure, ClientLeft):
                return
            raise body.failure or _broken(error) from error

    def _session(self, url: str) -> ClientSession:
        if (session := self._sessions.get(url)) is None:
            session = self._sessions[url] = ClientSession(
                connector=TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS, ssl=tls()),
                timeout=self._times,
                cookie_jar=DummyCookieJar(),
                skip_auto_headers=_ADDED,
                auto_decompress=False,
            )
        return session


def target_of(scope: Connection) -> bytes:
    """Return the path and the query as they came."""
    path: bytes = scope["raw_path"]
    return path + b"?" + scope["query_string"] if scope["query_string"] else path


def _url(url: str, target: bytes) -> URL:
    return URL(url + target.decode("latin-1"), encoded=True)


def _words(headers: Headers) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _broken(error: Exception) -> Broken:
    return Broken(type(error).__name__, is_sent=not isinstance(error, ClientConnectorError | ConnectionTimeoutError))
