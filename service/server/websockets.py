"""The WebSocket protocol: bounds on what one connection may hold in memory, and on how long it may hold the loop."""

import asyncio
from collections import deque
from typing import Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame

_PART_BYTES = 2**13  # parsed in one turn: some 1,300 of the smallest frames, for which Python needs about 20 ms
_MAX_FRAGMENTS = 4096  # of one message


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's own protocol, which answers every ping and collects every fragment, with bounds.

    Reads while the client reads its answers and the application takes its messages, and parses what has been read in
    small parts, between which other connections have their turn.
    """

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self._parts: deque[bytes] = deque()  # read and not yet parsed; nothing more is read while there are any
        self._turn: asyncio.Handle | None = None  # the next part's

    def data_received(self, data: bytes) -> None:
        if len(data) <= _PART_BYTES and not self._parts:
            super().data_received(data)
            if not self.writable.is_set():
                self.transport.pause_reading()
            return
        self._parts.extend(data[start : start + _PART_BYTES] for start in range(0, len(data), _PART_BYTES))
        if self._turn is None:
            self._parse_part()

    def connection_lost(self, exc: Exception | None) -> None:
        """Free what has come of an unfinished message at once: reference cycles would keep it to a full collection."""
        super().connection_lost(exc)
        self._parts.clear()
        self.frames = []
        self.conn.reader.buffer.clear()
        self.conn.parser.close()  # holds the last frame

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read_on()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) < _MAX_FRAGMENTS:
            super().handle_cont(event)
        elif self.close_timer is None:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, f"more than {_MAX_FRAGMENTS} fragments")
            self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        """Say what is wrong, then read on to the client's end: a close with unread data may reset what was said."""
        if self.close_timer is not None:
            return
        assert self.conn.close_sent is not None
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.write_eof()
        self.close_sent, self.read_paused = True, False
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.queue = asyncio.Queue()  # nobody will take what is left in the old one

    async def receive(self) -> ASGIReceiveEvent:
        message = await super().receive()
        if self._parts or not self.writable.is_set():  # uvicorn resumes reading even where the client does not read
            self._read_on()
        return message

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.close_sent:  # uvicorn then reads to the client's own close
            self._read_on()

    def _parse_part(self) -> None:
        self._turn = None
        if self._parts:
            super().data_received(self._parts.popleft())
        self._read_on()

    def _read_on(self) -> None:
        """Parse the next part soon, or read more if there is none; wait while there is no room for what it brings."""
        if self.read_paused or not self.writable.is_set() or self._parts:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()
        if self._parts and self._turn is None and not self.read_paused and self.writable.is_set():
            self._turn = self.loop.call_soon(self._parse_part)
