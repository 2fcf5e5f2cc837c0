"""Pass a WebSocket on to a shard, message by message, with its close."""

import asyncio
from collections import defaultdict
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as Connection
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from service.api.passing import target_of
from service.cluster.onward import Onward, Tries, in_name_of

_OPEN_SECONDS = 5.0
_KEPT = ("content-type", "retry-after", "www-authenticate")  # headers of a refusal
_COME_AGAIN = (CloseCode.SERVICE_RESTART, "the shard is gone: open the stream again")


class Sockets:
    """All WebSockets of a gateway, by the URLs of the shards that they lead to."""

    def __init__(self, onward: Onward) -> None:
        self._onward = onward
        self._open: dict[str, set[ClientConnection]] = defaultdict(set)

    async def pass_on(self, shard: int, scope: Connection, receive: Receive, send: Send) -> None:
        """Open a WebSocket to a shard as the client asks for it, and pass on what both say. Raises NotReady."""
        try:
            url, connection = await self._connect(shard, scope)
        except InvalidStatus as error:
            answer = error.response
            headers = {name: value for name, value in answer.headers.raw_items() if name.lower() in _KEPT}
            await Response(bytes(answer.body or b""), answer.status_code, headers)(scope, receive, send)
            return
        self._open[url].add(connection)
        self._onward.tally.passed[shard] += 1
        self._onward.tally.streams[shard] += 1
        try:
            await receive()  # that it connects
            await send({"type": "websocket.accept", "subprotocol": connection.subprotocol})
            up = asyncio.create_task(_up(connection, receive))
            try:
                close = await _down(connection, send)
            finally:
                up.cancel()
            if close is None:
                self._onward.shards.lost(shard, url)
            if not (up.done() and not up.cancelled()):  # the client is there
                code, reason = close or _COME_AGAIN
                await send({"type": "websocket.close", "code": code, "reason": reason})
        finally:
            self._open[url].discard(connection)
            self._onward.tally.streams[shard] -= 1
            connection.transport.abort()

    def drop(self, url: str) -> None:
        """Break all WebSockets to a shard that was at this URL off; their clients are told to come again."""
        for connection in self._open.pop(url, ()):
            connection.transport.abort()

    async def _connect(self, shard: int, scope: Connection) -> tuple[str, ClientConnection]:
        """Raises InvalidStatus where the shard refuses, NotReady where it is away."""
        tries = Tries(self._onward, shard)
        target = target_of(scope).decode("latin-1")
        offered = [Subprotocol(each) for each in scope["subprotocols"]]
        headers = [(name.decode(), value.decode()) for name, value in in_name_of(scope)]
        while True:
            url = await tries.url()
            try:
                return url, await connect(
                    f"ws{url.removeprefix('http')}{target}",
                    subprotocols=offered or None,
                    additional_headers=headers,
                    user_agent_header=None,
                    compression=None,
                    proxy=None,
                    open_timeout=_OPEN_SECONDS,
                    ping_interval=None,  # whoever does not read answers none; where a shard is, is looked after beside
                    max_size=None,
                )
            except InvalidStatus:
                raise
            except (OSError, InvalidHandshake, ConnectionClosed) as error:
                tries.failed(url, error)


async def _up(connection: ClientConnection, receive: Receive) -> None:
    """Pass on what the client says, to its close."""
    with suppress(ConnectionClosed):
        while (message := await receive())["type"] == "websocket.receive":
            data = message.get("bytes")
            await connection.send(message["text"] if data is None else data)
        code = message.get("code", CloseCode.NO_STATUS_RCVD)
        if code in (CloseCode.ABNORMAL_CLOSURE, CloseCode.NO_STATUS_RCVD):
            code = CloseCode.GOING_AWAY
        await connection.close(code, message.get("reason") or "")


async def _down(connection: ClientConnection, send: Send) -> tuple[int, str] | None:
    """Pass on what the shard says; return its close, None if its connection breaks."""
    try:
        while True:
            data = await connection.recv()
            kind = "text" if isinstance(data, str) else "bytes"
            await send({"type": "websocket.send", kind: data})
    except ConnectionClosed as error:
        if error.rcvd is None:
            return None
        code = error.rcvd.code
        return (CloseCode.NORMAL_CLOSURE if code == CloseCode.NO_STATUS_RCVD else code), error.rcvd.reason
