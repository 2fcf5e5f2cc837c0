"""A stream that goes on by itself after any break, and by which nothing is learnt twice."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import Any, Self, Unpack

from realnet.client.errors import RealNetError
from realnet.client.link import Link, OnWait
from realnet.client.models import InputContent, Level, Net
from realnet.client.outbox import Outbox
from realnet.client.outputs import Outputs, OwnTicks
from realnet.client.server import Server
from realnet.client.stream_messages import Ack, Event, Opened, StreamMessage

_KEPT = 2**20  # outputs that wait for somebody who does not read them; the oldest are lost to him
_MESSAGE = 16  # outputs that a message counts as, besides those that are in it
_LAST_SECONDS = 5.0  # how long outputs are waited for when all is learnt; they follow within milliseconds


class AsyncStream:
    """A stream of inputs and outputs: a context manager, at whose end all that was sent is learnt.

    After a break it connects again, for `patience` seconds, and sends again what was not acknowledged. An input that is
    refused for good is left out, and its error is raised by the next `send`, `flush` or step of an iteration. `on_wait`
    is called with the reason whenever the stream has to wait: for a server, or for its journal.

    Attributes:
        net: the net, as it was when the connection was made.
        dropped: how many outputs were lost, since they came faster than they were read, or did not come before a break.
            Those of what is learnt around a break, before its ack is heard, do not come either; nobody counts them.
    """

    net: Net

    def __init__(
        self,
        server: Server,
        client_id: str | None,
        *,
        outputs: Level,
        own: bool,
        patience: float,
        on_wait: OnWait | None,
        session: str | None = None,
    ) -> None:
        self.dropped = 0
        self._outbox = Outbox()
        waits = on_wait or _say_nothing
        self._link = Link(server, client_id, outputs, self._outbox, patience, self._hear, waits, session)
        self._expects_outputs = outputs != "none"
        self._own = own
        self._ticks = OwnTicks()
        self._heard: deque[StreamMessage] = deque()
        self._kept = 0
        self._refused: RealNetError | None = None
        self._is_finished = False
        self._moved = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._link.run())
        self._task.add_done_callback(lambda _: self._moved.set())
        try:
            while not hasattr(self, "net"):
                await self._next_move()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                await self.flush()
        finally:
            await self._close()

    @property
    def client_id(self) -> str | None:
        """Return what the server knows the stream by; None if it has no place for another, and a break is the end."""
        return self._link.client_id

    @property
    def last_seq(self) -> int:
        """Return the number of the last input that was sent: at first that which the server has learnt last."""
        return self._outbox.last_seq

    @property
    def learnt(self) -> int:
        """Return how many inputs are learnt."""
        return self._outbox.learnt

    async def send(self, text: str | bytes | None = None, **content: Unpack[InputContent]) -> int:
        """Send an input as soon as the window allows, and return its number.

        It is a text, bytes as they are (to a net whose vocabulary is bytes), `tokens=` or `frames=`.
        """
        given: dict[str, Any] = {**content}
        if text is not None:
            given["tokens" if isinstance(text, bytes) else "text"] = text
        self._check()
        while not self._outbox.has_room:
            await self._next_move()
        return self._outbox.add(given)

    async def send_many(self, texts: Iterable[str | bytes]) -> None:
        """Send many inputs, in as few writes as the window allows."""
        for text in texts:
            await self.send(text)

    async def flush(self, timeout: float | None = None) -> None:
        """Return when all that was sent is learnt. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while self._outbox:
                await self._next_move()
        self._raise_refused()

    async def finish(self) -> None:
        """Let iterations end when all that was sent is learnt and its outputs have come."""
        self._is_finished = True
        self._moved.set()

    async def messages(self) -> AsyncIterator[StreamMessage]:
        """Yield all that comes, until the stream is finished."""
        self._check()
        while True:
            while self._heard:
                yield self._take_first()
            if not self._is_finished or self._outbox:
                await self._next_move()
            elif self._expects_outputs and self._ticks.is_waiting:
                try:
                    async with asyncio.timeout(_LAST_SECONDS):
                        await self._next_move()
                except TimeoutError:
                    self.dropped += self._ticks.forget()
            else:
                return

    async def __aiter__(self) -> AsyncIterator[Outputs]:
        """Yield the outputs that come, until the stream is finished."""
        async for message in self.messages():
            if isinstance(message, Outputs):
                yield message

    def _hear(self, message: StreamMessage | RealNetError) -> None:
        """Keep what came for whoever reads it."""
        match message:
            case RealNetError():
                self._refused = message
            case Outputs():
                own = self._ticks.came(message)
                self._keep(*own) if self._own else self._keep(message)
            case Ack():
                own = self._ticks.acknowledged(message.first_tick, message.tick) if message.first_tick else []
                self._keep(message, *(own if self._own else ()))
            case Opened():
                self.net = message.net
                self.dropped += self._ticks.forget()
                self._keep(message)
            case Event():
                self.dropped += message.count
                self._keep(message)
            case _:
                self._keep(message)
        if not self._outbox:
            self._ticks.all_are_answered()
        self._moved.set()

    def _keep(self, *messages: StreamMessage) -> None:
        self._heard.extend(messages)
        self._kept += sum(map(_size_of, messages))
        while self._kept > _KEPT:
            lost = self._take_first()
            self.dropped += lost.count if isinstance(lost, Outputs) else 0

    def _take_first(self) -> StreamMessage:
        first = self._heard.popleft()
        self._kept -= _size_of(first)
        return first

    def _check(self) -> None:
        """Raise the error of what was refused or of the stream's end."""
        self._raise_refused()
        if self._task.cancelled():
            raise RuntimeError("the stream is closed")
        if self._task.done():
            self._task.result()

    def _raise_refused(self) -> None:
        refused, self._refused = self._refused, None
        if refused is not None:
            raise refused

    async def _next_move(self) -> None:
        """Wait until something has happened, and `_check` before and after."""
        self._check()
        self._moved.clear()
        await self._moved.wait()
        self._check()

    async def _close(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError, RealNetError):
            await self._task


def _size_of(message: StreamMessage) -> int:
    return _MESSAGE + (message.count if isinstance(message, Outputs) else 0)


def _say_nothing(_: RealNetError) -> None:
    pass
