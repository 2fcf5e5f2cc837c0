"""Keep a connection to a stream: write what is in the outbox, connect again after a break, and write it again."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import msgspec

from realnet.client import errors
from realnet.client.connection import MSGPACK, Message, StreamClient, open_stream
from realnet.client.errors import (
    PASSING,
    Limited,
    NotReady,
    Overloaded,
    Problem,
    RealNetError,
    StreamClosed,
    Unreachable,
)
from realnet.client.models import Level, Net
from realnet.client.outbox import Outbox
from realnet.client.outputs import Outputs
from realnet.client.server import Server
from realnet.client.stream_messages import Ack, Event, Opened, StreamMessage

OnWait = Callable[[RealNetError], None]

_FOR_GOOD = frozenset({1003, 1008, 1009})  # close codes: wrong frames, a revoked key, too large a message


class Link:
    """One client of a server's stream, over however many connections.

    `hear` is called with all that comes; an error is that of an input which was refused for good. `on_wait` is called
    with the reason whenever the link has to wait.

    Attributes:
        client_id: what the server knows the client by. None if it cannot remember more of them than it does: then
            nobody knows after a break what was learnt, and it ends.
    """

    def __init__(
        self,
        server: Server,
        client_id: str | None,
        level: Level,
        outbox: Outbox,
        patience: float,
        hear: Callable[[StreamMessage | RealNetError], None],
        on_wait: OnWait,
        session: str | None = None,
    ) -> None:
        self.client_id: str | None = client_id or f"stream-{uuid4().hex}"
        self._is_made_up = client_id is None
        self._server, self._session = server, session
        self._level = level
        self._outbox = outbox
        self._patience = patience
        self._hear = hear
        self._wait_for = on_wait
        self._is_open = False
        self._was_open = False
        self._why: RealNetError | None = None  # what was refused for a while
        self._later: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Go on from connection to connection. Raises RealNetError once there is no sense in another."""
        now = asyncio.get_running_loop().time
        heard_at = now()
        while True:
            try:
                await self._converse()
            except _NoNameLeft:
                continue
            except RealNetError as error:
                if self._is_open:
                    heard_at = now()
                if self._is_fatal(error) or now() > heard_at + self._patience:
                    raise
                self._wait_for(error)
                self._is_open = False
            await asyncio.sleep(errors.TRY_AGAIN_SECONDS)

    def _is_fatal(self, error: RealNetError) -> bool:
        if not self._was_open:
            return not isinstance(error, NotReady)
        if isinstance(error, StreamClosed):
            return error.code in _FOR_GOOD or self.client_id is None
        return not isinstance(error, (Unreachable, NotReady, Overloaded, Limited))

    async def _converse(self) -> None:
        """Open a connection, and write and read until it breaks. Raises RealNetError then."""
        async with open_stream(
            self._server, self.client_id, subprotocol=MSGPACK, outputs=self._level, session=self._session
        ) as connection:
            self._begin(connection.hello)
            writing = asyncio.create_task(self._write(connection))
            try:
                async for message in connection:
                    self._take(message)
            finally:
                writing.cancel()
                with suppress(asyncio.CancelledError, StreamClosed):
                    await writing

    def _begin(self, hello: Message) -> None:
        """Go on after what the server has learnt."""
        last = hello["last_seq"]
        try:
            net = msgspec.convert(hello["net"], Net)
        except msgspec.ValidationError as error:
            raise RealNetError(f"the server at {self._server.url} is of another version: {error}") from None
        if self._was_open and last > self._outbox.last_seq:
            raise RealNetError(f"another client goes by the name {self.client_id}: give each a name of its own")
        if self._later is not None:
            self._later.cancel()
            self._later = None
        learnt = self._outbox.go_on_after(last)
        self._is_open = self._was_open = True
        self._hear(Opened(net))
        if learnt:
            self._hear(Ack(last, count=learnt))

    async def _write(self, connection: StreamClient) -> None:
        while True:
            if messages := self._outbox.take():
                await connection.write(messages)
            else:
                await self._outbox.filled()

    def _take(self, message: Message) -> None:
        match message["type"]:
            case "outputs":
                self._hear(Outputs.of(message))
            case "ack":
                self._outbox.acknowledge(message["seq"])
                self._hear(msgspec.convert(message, Ack))
                self._go_on_later()
            case "event":
                self._hear(msgspec.convert(message, Event))
            case "error":
                self._refuse(message["ref"], errors.error_of(msgspec.convert(message["problem"], Problem)))
                self._go_on_later()

    def _refuse(self, seq: int, error: RealNetError) -> None:
        """Keep an input that was refused for a while, and leave out any other."""
        if isinstance(error, Limited) and self._is_made_up and not self._outbox.learnt:
            self.client_id = None
            raise _NoNameLeft
        if seq in self._outbox and isinstance(error, PASSING):
            self._outbox.refuse(seq)
            self._why = error
            return
        if seq in self._outbox:
            self._outbox.drop(seq)
        self._hear(error)

    def _go_on_later(self) -> None:
        """Try again what was refused for a while, once all else is answered."""
        if self._outbox.is_stuck and self._later is None and self._why is not None:
            self._wait_for(self._why)
            self._later = asyncio.get_running_loop().call_later(errors.TRY_AGAIN_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._later = None
        self._outbox.try_again()


class _NoNameLeft(Exception):
    """The server remembers as many clients as it can: go on without a name."""
