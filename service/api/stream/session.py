"""A session on `WS /v1/stream`: runs a client's messages in order, acknowledges them, and sends the net's outputs.

A fast writer is held back by TCP: at most `ws_window` messages of a client wait for their answers, and about
`ws_window_ticks` ticks; the next one is received once some have been answered. A slow reader costs nothing: its session
is a position in the ring of outputs, loses those that are overwritten before they are sent, and tells the client how
many.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from realnet.outputs import Level
from service.api.generation import command_of, pieces_of, text_of
from service.api.long_texts import with_tokens
from service.api.stream.clients import Client
from service.api.stream.intake import Answer, Intake
from service.api.stream.observations import Observer
from service.api.stream.protocol import (
    PROTOCOL,
    BadMessage,
    Codec,
    Event,
    Generated,
    GenerateMessage,
    Hello,
    InputMessage,
    ObservedMessage,
    ObserveMessage,
    PingMessage,
    Pong,
    ServerMessage,
    Subscribed,
    SubscribeMessage,
    Tokens,
    Watched,
    error_message,
)
from service.api.stream.relay import Kind, Relay
from service.api.stream.subscription import Subscription
from service.api.stream.watchdog import Reason, Watchdog
from service.api.stream.window import Window
from service.api.stream_schemas import Observed
from service.api.typed_input import MsgpackInput
from service.auth.keyring import Caller
from service.auth.keys import Scope
from service.errors import Invalid, LeaderGone, Refused, problem_of
from service.runtime.runtime import Runtime
from service.settings import Settings

UNSUPPORTED_DATA, POLICY, INTERNAL_ERROR, RESTARTS = 1003, 1008, 1011, 1012  # close codes
SLOW_READER, IDLE = 4008, 4010

_EVENTS = 16  # that wait for a client which does not read; later ones are lost to it
_CLOSE_SECONDS = 10.0  # for a client to read why its stream is closed
_logger = logging.getLogger(__name__)

ReadPiece = Callable[[int, Codec, Level, str | None], tuple[bytes, int, int]]  # StreamHub.piece


class _Close(Exception):
    """Ends the session with this close code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason


_ENDS: dict[Reason, tuple[int, str]] = {
    "idle": (IDLE, "nothing was said for too long"),
    "stalled": (SLOW_READER, "nothing was read for too long"),
    "revoked": (POLICY, "the key has been revoked"),
}


class Session:
    """One connection, in tasks: one receives, one sends answers, one sends outputs, one watches for its end.

    There is one more for each generation that runs.
    """

    def __init__(
        self,
        socket: WebSocket,
        codec: Codec,
        caller: Caller,
        client: Client,
        observer: Observer,
        *,
        runtime: Runtime,
        describe_net: Callable[[], dict[str, Any]],
        read_piece: ReadPiece,
        subscription: Subscription,
        settings: Settings,
        relay: Callable[[Answer], Relay] | None = None,
        session_name: str | None = None,  # of the net: of what is sent and generated, unless that names another
    ) -> None:
        self._socket = socket
        self._codec = codec
        self._caller = caller
        self._client = client
        self._observer = observer
        self._runtime = runtime
        self._describe_net = describe_net
        self._read_piece = read_piece
        self._subscription = subscription
        self._settings = settings
        self._session_name = session_name
        self._watch = Watchdog(
            caller,
            idle_seconds=settings.ws_idle_seconds,
            stall_seconds=settings.ws_stall_seconds,
            is_busy=lambda: self._intake.is_busy or (self._relay is not None and self._relay.is_busy),
        )
        self._window = Window(settings.ws_window, settings.ws_window_ticks)
        self._intake = Intake(runtime, client, caller, self._window, self._answer)
        self._answers: asyncio.Queue[tuple[ServerMessage | _Close, int, int]] = asyncio.Queue()  # with what leaves the
        # window by each
        self._relay = None if relay is None else relay(self._answer)  # of a server that follows

    async def run(self) -> None:
        """Serve the client from `hello` to the close; every error ends in a close code, none is raised."""
        try:
            self._client.begin_again()
            await self._send(await self._hello())
            async with asyncio.TaskGroup() as self._tasks:
                if self._relay is not None and self._relay.is_open:
                    self._tasks.create_task(self._relay_answers(self._relay))
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
        finally:
            if self._relay is not None:
                await self._relay.close()

    def tell(self, message: Event | Watched) -> None:
        """Send a message, unless too many wait already for a client that does not read."""
        if self._answers.qsize() < self._settings.ws_window + _EVENTS:
            self._answer(message, 0)

    def end(self, why: str) -> None:
        """Close the connection behind the answers that wait."""
        self._answers.put_nowait((_Close(POLICY, why), 0, 0))

    async def _receive(self) -> None:
        try:
            while True:
                received = await self._socket.receive()
                self._watch.seen()
                if received["type"] == "websocket.disconnect":
                    raise WebSocketDisconnect(received["code"])
                raw = received.get("bytes" if self._codec.binary else "text")
                if raw is None:
                    frames = "binary" if self._codec.binary else "text"
                    raise _Close(UNSUPPORTED_DATA, f"{self._codec.name} comes in {frames} frames")
                await self._window.enter()
                await self._take(raw)
        finally:
            self._intake.flush()  # what came before the end is learnt

    async def _end_in_time(self) -> None:
        raise _Close(*_ENDS[await self._watch.ended()])

    async def _take(self, raw: bytes | str) -> None:
        ref = None
        try:
            if (typed := self._codec.read_input(raw)) is not None:
                ref = typed.seq
                if await self._input(typed, raw):
                    return
            self._intake.flush()
            message = self._codec.read(raw)
            ref = message.seq
            match message:
                case InputMessage():
                    await self._input(message, raw)
                case ObserveMessage():
                    await self._observe(message, raw)
                case GenerateMessage():
                    await self._generate(message)
                case PingMessage():
                    self._answer(Pong(ref))
                case SubscribeMessage():
                    self._subscription.change(message.outputs)
                    self._answer(Subscribed(ref, message.outputs))
        except BadMessage as error:
            self._answer(error_message(error.problem, error.ref))
        except Refused as error:
            self._intake.flush()
            self._answer(error_message(problem_of(error), ref))

    async def _input(self, message: MsgpackInput | InputMessage, raw: bytes | str) -> bool:
        """Take an input, or return False if its schema is to say what is wrong with it. Raises Refused."""
        self._caller.check(Scope.TEACH)
        if self._relay is not None and self._relay.is_needed:
            ticks = len(message.text or message.tokens or message.frames or ())
            await self._send_on(self._relay, "input", message.seq, ticks, raw)
            return True
        interface, most = self._runtime.interface, self._settings.max_ticks_per_request
        given = await with_tokens(lambda: message.parsed(interface, most), message.text, interface)
        if given is None:
            return False
        label, session = message.label or self._caller.label, message.session or self._session_name
        await self._intake.add(message.seq, given, message.learn, label, session)
        return True

    async def _observe(self, message: ObserveMessage, raw: bytes | str) -> None:
        """Take rows of a stream; they are told of behind the next messages. Raises Refused."""
        self._caller.check(Scope.TEACH)
        rows = message.parsed(self._settings.max_rows_per_request)
        if self._relay is not None and self._relay.is_needed:
            await self._send_on(self._relay, "observe", message.seq, len(rows), raw)
            return
        await self._caller.keep_pace(self._runtime.rates())
        self._caller.take(len(rows), self._runtime.rates())
        self._window.add_ticks(len(rows))

        async def tell() -> None:
            answer: ServerMessage
            try:
                became = await self._observer.observe(self._runtime, message.seq, message, rows)
                told = Observed.of(message, became, message.told).model_dump(mode="json")
                answer = ObservedMessage(message.seq, **told)
            except Refused as error:
                located = message.located(error) if isinstance(error, Invalid) else error
                answer = error_message(problem_of(located), message.seq)
            self._answer(answer, 1, len(rows))

        self._tasks.create_task(tell())

    async def _hello(self) -> Hello:
        """Return the first message: how far the inputs and the rows of this client are, where they are learnt."""
        last_seq, last_observed = self._client.last_seq, self._observer.last.seq
        is_taught = bool(self._client.name) and self._caller.scope >= Scope.TEACH
        if is_taught and self._relay is not None and self._relay.is_needed:
            with contextlib.suppress(LeaderGone):  # its inputs are refused then, until it comes again
                await self._relay.open()
                last_seq, last_observed = self._relay.last_seq, self._relay.last_observed
        return Hello(PROTOCOL, last_seq, self._describe_net(), last_observed)

    async def _send_on(self, relay: Relay, kind: Kind, seq: int, ticks: int, raw: bytes | str) -> None:
        """Send an input, or rows, to the leader. Raises LeaderGone."""
        if not relay.is_open:
            if self._client.name:  # it was told how far it is by this server, which may not know
                raise LeaderGone("the leader did not answer when this stream was opened: open it again")
            await relay.open()
            self._tasks.create_task(self._relay_answers(relay))
        self._window.add_ticks(ticks)
        await relay.send(raw, kind, seq, ticks)

    async def _relay_answers(self, relay: Relay) -> None:
        await relay.answers()
        raise _Close(RESTARTS, "the stream to the leader has ended: open it again")

    async def _generate(self, message: GenerateMessage) -> None:
        command, vocabulary = await command_of(message, self._runtime.interface, self._settings, stream=True)
        if not message.fresh:
            command.session = message.session or self._session_name
        rates = self._runtime.rates()
        self._caller.check_pace(rates)
        self._runtime.generate(command, self._caller.space)
        self._caller.take(command.ticks, rates)

        async def follow() -> None:
            try:
                async for text, tokens in pieces_of(command, vocabulary):
                    self._answer(Tokens(message.seq, text, tokens), 0)
                whole = text_of(command, await command.reply, vocabulary)
                self._answer(Generated(message.seq, whole.text, whole.tokens, whole.tick, whole.finish_reason))
            except Refused as error:
                self._answer(error_message(problem_of(error), message.seq))

        self._tasks.create_task(follow())

    def _answer(self, message: ServerMessage, messages: int = 1, ticks: int = 0) -> None:
        """Queue the answer to some of the client's messages, which leave the window when it has been sent."""
        self._answers.put_nowait((message, messages, ticks))

    async def _send_answers(self) -> None:
        while True:
            message, messages, ticks = await self._answers.get()
            if isinstance(message, _Close):
                raise message
            await self._send(message)
            if messages:
                self._window.leave(messages, ticks)

    async def _send_outputs(self) -> None:
        subscription = self._subscription
        while True:
            await subscription.wait()
            piece = self._read_piece(subscription.position, self._codec, subscription.level, self._session_name)
            encoded, subscription.position, lost = piece
            if lost:
                await self._send(Event("dropped", count=lost))
            if encoded:
                await self._send_encoded(encoded)

    async def _send(self, message: ServerMessage) -> None:
        await self._send_encoded(self._codec.encode(message))

    async def _send_encoded(self, encoded: bytes) -> None:
        self._watch.begin_send()
        try:
            if self._codec.binary:
                await self._socket.send_bytes(encoded)
            else:
                await self._socket.send_text(encoded.decode())
        except RuntimeError as error:  # uvicorn has closed it, as for an oversize message
            raise WebSocketDisconnect(1006) from error
        finally:
            self._watch.end_send()

    async def _close(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._socket.close(code, reason)
        except (TimeoutError, RuntimeError, WebSocketDisconnect):
            pass  # the client does not read even that, or has left: the connection is closed without a code
