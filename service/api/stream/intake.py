"""Gather the inputs of one stream: what came in one turn of the loop is one command, one record and one ack.

Each input costs little then, however small it is; the net learns the same, since ticks follow each other as before.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from realnet.inputs import Input
from service.api.senders import content_digest
from service.api.stream.clients import Batch, Client
from service.api.stream.protocol import Ack, ServerMessage, error_message
from service.api.stream.window import Window
from service.auth.keyring import Caller
from service.engine.commands import Ran
from service.errors import Refused, problem_of
from service.runtime.runtime import Runtime

_MOST_TICKS = 4096  # of a batch, unless one input has more

# Of inputs: whether they are learnt, are of tokens, and have teachers; whom they are from, and their session.
_Kind: TypeAlias = tuple[bool, bool, bool, str | None, str | None]
Answer = Callable[[ServerMessage, int, int], None]  # a message, and how many messages and ticks it answers


class _Unanswered(NamedTuple):
    seqs: list[int]
    ticks: int
    reply: "asyncio.Future[Ran]"


class Intake:
    """The inputs of one stream, on their way into the inbox, and back as acks in the order in which they came."""

    def __init__(self, runtime: Runtime, client: Client, caller: Caller, window: Window, answer: Answer) -> None:
        self._runtime = runtime
        self._client = client
        self._caller = caller
        self._window = window
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._most = min(_MOST_TICKS, runtime.inbox.capacity)
        self._gathered: list[tuple[int, Input]] = []  # with their seqs, and all of one kind
        self._kind: _Kind = (True, True, True, None, None)
        self._ticks = 0  # of them
        self._entered: asyncio.Future[None] | None = None  # of the last batch: done when the inbox has it
        self._unanswered: deque[_Unanswered] = deque()
        self._is_throttled = False  # the key, or the net, is over its rate of ticks

    @property
    def is_busy(self) -> bool:
        """Return whether the client waits for an answer."""
        return self._is_throttled or bool(self._gathered or self._unanswered)

    async def add(self, seq: int, given: Input, learn: bool, label: str | None, session: str | None) -> None:
        """Take an input that this net can take, once the paces of its key and the net, and the inbox, allow."""
        kind = learn, given.tokens is not None, given.teachers is not None, label, session
        if kind != self._kind or self._ticks + len(given) > self._most:
            self.flush()
            self._kind = kind
        await self._keep_pace()
        if self._entered is not None and not self._entered.done():
            await asyncio.wait([self._entered])
        if seq > self._client.accepted:  # no repetition
            self._caller.take(len(given), self._runtime.rates())
        self._window.add_ticks(len(given))
        self._gathered.append((seq, given))
        self._ticks += len(given)
        if self._ticks >= self._most:
            self.flush()
        elif len(self._gathered) == 1:
            self._loop.call_soon(self.flush)  # when nothing more is to be received in this turn

    def flush(self) -> None:
        """Put what was gathered into the inbox, as one batch unless seqs do not rise."""
        gathered, self._gathered, self._ticks = self._gathered, [], 0
        batch: list[tuple[int, Input]] = []
        for seq, given in gathered:
            if not batch or seq <= batch[-1][0]:
                self._enter(batch)
                batch = []
                if not self._client.is_new(seq):
                    self._repeat(seq, given)
                    continue
            batch.append((seq, given))
        self._enter(batch)

    async def _keep_pace(self) -> None:
        self._is_throttled = True
        await self._caller.keep_pace(self._runtime.rates())
        self._is_throttled = False

    def _repeat(self, seq: int, given: Input) -> None:
        """Answer an input that was accepted before, as soon as it has been run."""
        try:
            reply = self._client.repetition(seq, content_digest(given, self._kind[0], self._kind[4]))
        except Refused as error:
            self._refuse([seq], len(given), error)
        else:
            self._await(_Unanswered([seq], len(given), reply))

    def _enter(self, inputs: list[tuple[int, Input]]) -> None:
        if not inputs:
            return
        batch = Batch.of(inputs, self._kind[0], *self._kind[3:])
        try:
            self._client.accept(batch)
        except Refused as error:
            self._refuse(batch.seqs, batch.run.ticks, error)
            return
        self._await(_Unanswered(batch.seqs, batch.run.ticks, batch.run.reply))
        # Nobody cancels this: an accepted input is learnt even if its client leaves while it waits for room.
        self._entered = self._runtime.enter(batch.run)

    def _await(self, unanswered: _Unanswered) -> None:
        self._unanswered.append(unanswered)
        unanswered.reply.add_done_callback(self._acknowledge)

    def _acknowledge(self, _: object) -> None:
        """Answer inputs in the order in which they came, whichever of them are done first."""
        while self._unanswered and self._unanswered[0].reply.done():
            seqs, ticks, reply = self._unanswered.popleft()
            error = reply.exception()
            if error is None:
                ran = reply.result()
                self._answer(Ack(seqs[-1], ran.last_tick, len(seqs), ran.first_tick), len(seqs), ticks)
            else:
                assert isinstance(error, Exception)
                self._refuse(seqs, ticks, error)

    def _refuse(self, seqs: list[int], ticks: int, error: Exception) -> None:
        """Tell of each by itself: a client may know them by their seq only."""
        for seq in seqs:
            self._answer(error_message(problem_of(error), seq), 1, ticks if seq == seqs[-1] else 0)
