"""Pass a request on to another server, and its answer back, both as they come."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeAlias

from starlette.exceptions import HTTPException
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from service.api.http_client import Headers, NotConnected, Sent, Server

Answer: TypeAlias = tuple[int, Headers, bytes]  # the status, the headers and the body

#: A header of what one shard of a cluster asks another, with the proof of that: nobody's is passed on.
TO_A_SHARD = "realnet-shard"

_LOOK_SECONDS = 0.05  # of a request, until it is looked whether its client leaves: most are answered before
_KEPT_BYTES = 2**16  # of a body, which can then be sent again
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
        self.has_more = self._is_said = bool(said)
        self.is_kept = True
        self.failure: Exception | None = None
        self.is_answered = False
        self._length = said.get(b"content-length")
        self._receive = receive
        self._is_whole = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

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
    def data(self) -> Sent:
        """Return it as far as it has come, or what yields it as it comes."""
        if self.has_more:
            return self._parts()
        return self.read if self._is_said else None

    def watch(self, life: asyncio.Timeout) -> None:
        """Have a life end when the client leaves."""
        self._watching = asyncio.create_task(self._watch(life))

    def unwatch(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self, life: asyncio.Timeout) -> None:
        if self.has_more:
            await self._is_whole.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        life.reschedule(0.0)

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
        self._patience = patience
        self._servers: dict[str, Server] = {}

    async def pass_on(self, url: str, scope: Connection, body: Body, send: Send, headers: Headers) -> None:
        """Pass a request on to the server at a URL, with `headers` beside its own.

        Raises Broken, or for its body HTTPException, as long as nothing is answered: later the answer is broken off.
        """
        life = asyncio.timeout(None)  # ends when the client leaves
        looking = asyncio.get_running_loop().call_later(_LOOK_SECONDS, body.watch, life)
        try:
            async with life:
                await self._answer(url, scope, body, send, headers)
        except TimeoutError:
            pass
        finally:
            looking.cancel()
            body.unwatch()

    async def ask(self, url: str, target: bytes, headers: Headers) -> Answer:
        """Return the answer to a GET. Raises Broken."""
        server = self._server(url)
        try:
            asked = await server.ask("GET", target, headers, None)
            try:
                read, has_more = await asked.part()
                while has_more:
                    part, has_more = await asked.part()
                    read += part
            finally:
                server.release(asked)
        except OSError as error:
            raise _broken(error) from error
        return asked.status, asked.headers, read

    def drop(self, url: str) -> None:
        """Break all connections to a server off."""
        if (server := self._servers.pop(url, None)) is not None:
            server.close()

    def close(self) -> None:
        for url in list(self._servers):
            self.drop(url)

    async def _answer(self, url: str, scope: Connection, body: Body, send: Send, headers: Headers) -> None:
        own = [each for each in scope["headers"] if each[0] not in _NOT_SENT]
        server = self._server(url)
        try:
            asked = await server.ask(scope["method"], target_of(scope), [*own, *body.header, *headers], body.data)
            try:
                body.is_answered = True
                lower = ((name.lower(), value) for name, value in asked.headers)
                kept = [each for each in lower if each[0] not in _OF_THE_ANSWER]
                await send({"type": "http.response.start", "status": asked.status, "headers": kept})
                has_more = True
                while has_more:
                    part, has_more = await asked.part()
                    await send({"type": "http.response.body", "body": part, "more_body": has_more})
            finally:
                server.release(asked)
        except OSError as error:
            if body.is_answered or isinstance(body.failure, ClientLeft):
                return
            raise body.failure or _broken(error) from error

    def _server(self, url: str) -> Server:
        if (server := self._servers.get(url)) is None:
            server = self._servers[url] = Server(url, self._patience)
        return server


def target_of(scope: Connection) -> bytes:
    """Return the path and the query as they came."""
    path: bytes = scope["raw_path"]
    return path + b"?" + scope["query_string"] if scope["query_string"] else path


def _broken(error: OSError) -> Broken:
    is_sent = not isinstance(error, NotConnected)
    return Broken(type(error).__name__ if is_sent else str(error), is_sent)
