"""Sessions on `WS /v1/stream`: what a client sends is run in order and acknowledged; what the net says is sent on.

A fast writer is held back by TCP: of each client at most `ws_window` messages are being answered, and the next is not
received before one of them has been. A slow reader costs nothing: it is a position in the ring of outputs, loses those
that are overwritten before it has read them, and is told how many.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from service.api.encoding import PIECE, structs
from service.api.generation import command_of, pieces_of, text_of
from service.api.schemas import Net
from service.api.senders import content_digest
from service.api.stream.clients import Client, Clients
from service.api.stream.protocol import (
    PROTOCOL,
    Ack,
    BadMessage,
    Codec,
    Event,
    Generated,
    GenerateMessage,
    Hello,
    InputMessage,
    OutputsMessage,
    PingMessage,
    Pong,
    ServerMessage,
    Tokens,
    error_message,
)
from service.api.stream.watchdog import IdleWatchdog
from service.auth.keyring import Caller
from service.auth.keys import Scope
from service.engine.commands import Ran
from service.engine.engine import Engine
from service.engine.inbox import Inbox
from service.engine.output_ring import OutputRing
from service.engine.pace import Mode
from service.errors import NotReady, Overloaded, Refused, problem_of
from service.jobs.job import Job
from service.settings import Settings
from service.snapshots.snapshot import Snapshot

UNSUPPORTED_DATA, POLICY, INTERNAL_ERROR, SLOW_READER, IDLE = 1003, 1008, 1011, 4008, 4010  # close codes

_PIECES = 16  # encoded, for the subscribers to come: a megabyte
_EVENTS = 16  # that wait for a client which does not read; later ones are lost to it
_CLOSE_SECONDS = 10.0  # for a client to read why it is left
_logger = logging.getLogger(__name__)


class StreamHub:
    """All sessions."""

    def __init__(self, engine: Engine, inbox: Inbox, outputs: OutputRing, settings: Settings, name: str) -> None:
        self._name = name
        self.engine = engine
        self.inbox = inbox
        self.outputs = outputs
        self.settings = settings
        self._sessions: set[Session] = set()
        self._clients = Clients(engine.progress.clients, settings.client_ids)
        self._pieces: OrderedDict[tuple[str, int], tuple[int, int, bytes]] = OrderedDict()  # by where they begin

    def admit(self) -> None:
        """Raises Overloaded where there is no place for one more, NotReady where nobody's seq is known yet."""
        if not self.inbox.ready:
            raise NotReady("the journal is being read")
        if len(self._sessions) >= self.settings.max_streams:
            raise Overloaded(f"{self.settings.max_streams} streams are open, and no more may be")

    async def serve(self, socket: WebSocket, client_id: str | None, codec: Codec, caller: Caller) -> None:
        """From the accepted handshake to the close."""
        session = Session(self, socket, self._clients.get(caller.space, client_id), codec, caller)
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)

    def net(self) -> dict[str, Any]:
        """As GET /v1/net has it."""
        net = Net.of(self._name, self.engine.status, self.engine.interface, self.inbox.depth)
        return net.model_dump(mode="json", exclude_unset=True)

    def piece(self, position: int, codec: Codec) -> tuple[bytes, int, int]:
        """A message of the outputs from `position` on, where to go on, how many were lost. Encoded once for many.

        Pieces end at multiples of their size, so that those who are behind by different amounts share them, too.
        """
        first = max(position, self.outputs.start)
        self.outputs.lost += first - position
        start, end, encoded = self._pieces.get((codec.name, first), (first, -1, b""))
        if end % PIECE and end != self.outputs.end:  # there is none, or there is more by now
            batch, end, lost = self.outputs.read(first, PIECE - first % PIECE)
            start = first + lost
            if batch is None:  # a restore has taken them back
                return b"", end, start - position
            encoded = codec.encode(OutputsMessage(structs(batch)))
            self._pieces[codec.name, start] = start, end, encoded
            if len(self._pieces) > _PIECES:
                self._pieces.popitem(last=False)
        return encoded, end, start - position

    def snapshot_saved(self, snapshot: Snapshot) -> None:
        self._tell_all(Event("snapshot", snapshot=snapshot.model_dump(mode="json")))

    def job_changed(self, job: Job) -> None:
        self._tell_all(Event("job", job=job.model_dump(mode="json")))

    def mode_changed(self, mode: Mode) -> None:
        self._tell_all(Event("mode", mode=mode))

    def _tell_all(self, event: Event) -> None:
        for session in self._sessions:
            session.tell(event)


class _Close(Exception):
    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason


class Session:
    """A task that always receives, one that sends answers, one outputs, one that watches; and one a generation."""

    def __init__(self, streams: StreamHub, socket: WebSocket, client: Client, codec: Codec, caller: Caller) -> None:
        self._streams = streams
        self._socket = socket
        self._client = client
        self._codec = codec
        self._caller = caller
        self._is_held = False  # back, since its key's pace is over
        self._watch = IdleWatchdog(
            caller, streams.settings.ws_idle_seconds, lambda: self._is_held or bool(self._unanswered)
        )
        self._position = streams.outputs.end
        self._window = asyncio.Semaphore(streams.settings.ws_window)
        self._answers: asyncio.Queue[tuple[ServerMessage, bool]] = asyncio.Queue()  # with whether the window opens
        self._unanswered: deque[tuple[int, asyncio.Future[Ran]]] = deque()  # inputs, by seq

    async def run(self) -> None:
        try:
            self._client.begin_again()
            await self._send(Hello(PROTOCOL, self._client.last_seq, self._streams.net()))
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._receive())
                self._tasks.create_task(self._send_answers())
                self._tasks.create_task(self._send_outputs())
                self._tasks.create_task(self._end_in_time())
        except* WebSocketDisconnect:
            pass
        except* _Close as group:
            close = group.exceptions[0]
            assert isinstance(close, _Close)
            _logger.info("a stream is closed: %d, %s", close.code, close.reason)
            await self._close(close.code, close.reason)
        except* Exception:
            _logger.exception("a stream broke")
            await self._close(INTERNAL_ERROR, "internal error")

    def tell(self, event: Event) -> None:
        if self._answers.qsize() < self._streams.settings.ws_window + _EVENTS:
            self._answers.put_nowait((event, False))

    async def _receive(self) -> None:
        while True:
            received = await self._socket.receive()
            self._watch.seen()
            if received["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(received["code"])
            raw = received.get("bytes" if self._codec.binary else "text")
            if raw is None:
                frames = "binary" if self._codec.binary else "text"
                raise _Close(UNSUPPORTED_DATA, f"{self._codec.name} comes in {frames} frames")
            await self._window.acquire()
            await self._take(raw)

    async def _end_in_time(self) -> None:
        if await self._watch.ended() == "idle":
            raise _Close(IDLE, "nothing was said for too long")
        raise _Close(POLICY, "the key has been revoked")

    async def _take(self, raw: bytes | str) -> None:
        ref = None
        try:
            message = self._codec.read(raw)
            ref = message.seq
            match message:
                case InputMessage():
                    await self._input(message)
                case GenerateMessage():
                    self._generate(message)
                case PingMessage():
                    self._answer(Pong(ref))
        except BadMessage as error:
            self._answer(error_message(error.problem, error.ref))
        except Refused as error:
            self._answer(error_message(problem_of(error), ref))

    async def _input(self, message: InputMessage) -> None:
        self._caller.check(Scope.TEACH)
        self._is_held = True
        await self._caller.keep_pace()
        self._is_held = False
        run = message.run(self._streams.engine.interface, self._streams.settings.max_ticks_per_request)
        digest = content_digest(run)
        if (reply := self._client.repeated(message.seq, digest)) is not None:
            self._await_reply(message.seq, reply)
            return
        self._caller.ticks.take(run.ticks)
        self._client.accept(message.seq, digest, run)
        self._await_reply(message.seq, run.reply)
        # Shielded: what has been accepted is learnt, also where its client leaves while it waits for room.
        await asyncio.shield(self._streams.inbox.enter(run))

    def _await_reply(self, seq: int, reply: "asyncio.Future[Ran]") -> None:
        self._unanswered.append((seq, reply))
        reply.add_done_callback(self._acknowledge)

    def _acknowledge(self, _: object) -> None:
        """In the order of their seq, whichever was done first."""
        while self._unanswered and self._unanswered[0][1].done():
            seq, reply = self._unanswered.popleft()
            error = reply.exception()
            if error is None:
                self._answer(Ack(seq, reply.result().last_tick))
            else:
                assert isinstance(error, Exception)
                self._answer(error_message(problem_of(error), seq))

    def _generate(self, message: GenerateMessage) -> None:
        streams = self._streams
        command, vocabulary = command_of(message, streams.engine.interface, streams.settings, stream=True)
        self._caller.check_pace()
        streams.inbox.put(command)
        self._caller.ticks.take(command.ticks)

        async def follow() -> None:
            try:
                async for text, tokens in pieces_of(command, vocabulary):
                    self._answers.put_nowait((Tokens(message.seq, text, tokens), False))
                whole = text_of(await command.reply, vocabulary)
                self._answer(Generated(message.seq, whole.text, whole.tokens, whole.tick, whole.finish_reason))
            except Refused as error:
                self._answer(error_message(problem_of(error), message.seq))

        self._tasks.create_task(follow())

    def _answer(self, message: ServerMessage) -> None:
        """Each of the client's messages has one; it opens the window."""
        self._answers.put_nowait((message, True))

    async def _send_answers(self) -> None:
        while True:
            message, is_answer = await self._answers.get()
            await self._send(message)
            if is_answer:
                self._window.release()

    async def _send_outputs(self) -> None:
        position = self._position
        while True:
            await self._streams.outputs.wait(position)
            encoded, position, lost = self._streams.piece(position, self._codec)
            if lost:
                await self._send(Event("dropped", count=lost))
            if encoded:
                await self._send_encoded(encoded)

    async def _send(self, message: ServerMessage) -> None:
        await self._send_encoded(self._codec.encode(message))

    async def _send_encoded(self, encoded: bytes) -> None:
        self._watch.seen()
        try:
            async with asyncio.timeout(self._streams.settings.ws_stall_seconds):
                if self._codec.binary:
                    await self._socket.send_bytes(encoded)
                else:
                    await self._socket.send_text(encoded.decode())
        except TimeoutError:
            raise _Close(SLOW_READER, "nothing was read for too long") from None
        except RuntimeError as error:  # uvicorn has closed it, as for an oversize message
            raise WebSocketDisconnect(1006) from error

    async def _close(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._socket.close(code, reason)
        except (TimeoutError, RuntimeError, WebSocketDisconnect):
            pass  # it does not even read that, or has left: the connection is closed without
