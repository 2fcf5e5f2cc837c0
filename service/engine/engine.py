"""The thread that owns the net: take what was asked, journal it, run what is durable, publish."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from realnet import FrameLearner
from service.engine.commands import (
    Clone,
    Command,
    Configure,
    Dream,
    Evaluate,
    Generate,
    Ran,
    Restore,
    Run,
    SampleExperience,
    UpdateWeights,
)
from service.engine.generations import Generations
from service.engine.inbox import Inbox
from service.engine.outbox import Outbox
from service.engine.output_ring import OutputRing
from service.engine.pace import Mode, Pace
from service.engine.pipeline import Pipeline
from service.engine.status import Shape, Status, TickRate
from service.errors import Conflict, EngineStopped, NotDurable
from service.journal.codec import JournalDamaged
from service.journal.journal import Journal, NoJournal
from service.journal.records import ChangeRecord, EpisodeRecord, IdleRecord, InputRecord, WeightUpdateRecord
from service.replica.entry import Entry, Slice, run_episodes, run_slice
from service.replica.learner import Learner, OutputBatch
from service.replica.progress import Progress
from service.replica.replay import Replay
from service.store.base import StoreError

_SLICE_TICKS = 1024  # run at once, at most …
_FIRST_SLICE = 64
_SLICE_SECONDS = 0.04  # … and for about so long, so that clones and generations come in between
_STALLED_SECONDS = 5.0  # without a step
_STOP_SECONDS = 1.0
T = TypeVar("T")
_logger = logging.getLogger(__name__)


class Engine:
    """What a command would change is journalled first, in the order it was taken, and done when that is durable."""

    def __init__(
        self,
        learner: Learner,
        inbox: Inbox,
        outputs: OutputRing,
        pace: Pace,
        idle_learning: bool,
        journal: Journal | None = None,
        ledger: Progress | None = None,
        replay: Replay | None = None,
    ) -> None:
        self.shape = Shape.of(learner)
        self.on_mode: list[Callable[[Mode], None]] = []  # called on the loop when the mode has changed
        self.ledger = ledger or Progress.of(None)
        self.replay = replay  # what is still to be lived through again before anything else
        self._learner = learner
        self._inbox = inbox
        self._outputs = outputs
        self._pace = pace
        self._idle_learning = idle_learning
        self._plasticity = True if replay is None else replay.plasticity
        self._taken: deque[Command[Any]] = deque()
        self._agenda = Pipeline(journal or NoJournal(), learner.net.tick)
        self._slice = _FIRST_SLICE
        self._changes = 0
        self._speed = TickRate(time.monotonic())
        self._thread = threading.Thread(target=self._live, name="engine", daemon=True)
        self._stopping = False
        self._ended = True  # until it is started, and when it has died
        self._outbox = Outbox(self._delivered)
        self._talks = Generations(self._outbox)
        self._announced = 0  # outputs
        self._pace.frame(time.monotonic())
        self.status = self._status()
        self.failure: str | None = None  # why it has ended, if not by a stop

    # On the event loop:

    def start(self) -> None:
        self._outbox.open()
        self._ended = False
        self._inbox.ready = self.replay is None
        self._thread.start()

    async def stop(self) -> None:
        """After the slice that is being run; what was not run is refused."""
        self._stopping = True
        self._inbox.wake()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join, _STOP_SECONDS)
            self._outbox.deliver()

    async def ask(self, command: Command[T]) -> T:
        self._inbox.put(command)
        return await command.reply

    @property
    def alive(self) -> bool:
        return not self._ended and time.monotonic() - self.status.published_at < _STALLED_SECONDS

    def _delivered(self) -> None:
        self._outputs.notify()
        self._inbox.admit()

    # On the engine's thread:

    def _live(self) -> None:
        why = EngineStopped("the server stops")
        try:
            self._live_again()
            while not self._stopping:
                self.step()
        except (JournalDamaged, StoreError) as error:
            _logger.error("the net cannot go on where it was, and learns nothing: %s", error)
            why = EngineStopped(str(error))
            self.failure = str(why)
        except Exception:
            _logger.exception("the engine has died; nothing is learnt from now on, and no snapshot is taken")
            why = EngineStopped("the engine has died, the server's log tells why")
            self.failure = str(why)
        self._ended = True
        for command in (*self._taken, *self._agenda.all(), *self._inbox.close(why)):
            self._refuse(command, why)
        self._talks.end(why)
        self._outbox.post()

    def _live_again(self) -> None:
        if self.replay is None:
            return
        for ticks in self.replay.run(self._learner, self.ledger):
            self._changes += 1
            self._speed.count(ticks)
            self._publish()
            if self._stopping:
                return
        self._plasticity = self.replay.plasticity
        self._agenda.entering = self._learner.net.tick
        self._pace.frame(time.monotonic())
        self.replay = None
        self._inbox.ready = True

    def step(self) -> None:
        self._take_and_journal()
        self._idle()
        self._agenda.begin_commit()
        self._see_what_is_durable()
        self._adopt()
        self._run_slice()
        self._talks.go_on()
        self._publish()

    def _take_and_journal(self) -> None:
        self._taken.extend(self._inbox.take(self._patience()))
        while self._taken:
            try:
                self._accept(self._taken[0])
            except NotDurable as error:
                self._refuse(self._taken[0], error)
            self._taken.popleft()

    def _patience(self) -> float:
        if self._talks or (self._agenda.is_due and not self._pace.paused):
            return 0.0
        return self._pace.patience(time.monotonic())

    def _accept(self, command: Command[Any]) -> None:
        match command:
            case Run():
                self._agenda.add_run(command, self._rate_of(command.learn))
            case Dream():
                self._agenda.add_dream(command, command.rate * self._rate_of(True))
            case Evaluate():
                self._outbox.resolve(command.reply, run_episodes(self._learner.fork(), command.episodes, 0.0))
            case SampleExperience(count=count, ticks=ticks, lead=lead, seed=seed):
                self._outbox.resolve(command.reply, self.ledger.experience.draw(count, ticks, lead, seed))
            case Generate():
                self._talks.begin(command, self._learner)
            case Clone():
                memory = self.ledger.memory(self._agenda.place(), self._plasticity)
                self._outbox.resolve(command.reply, (self._learner.checkpoint(), memory))
            case Restore():
                self._journal_restore(command)
            case UpdateWeights():
                self._agenda.add_adoption(command)
            case Configure():
                self._journal_change(command)

    def _rate_of(self, learn: bool) -> float:
        return self._learner.net.learning_rate if learn and self._plasticity else 0.0

    def _see_what_is_durable(self) -> None:
        while (what := self._agenda.next_durable()) is not None:
            match what:
                case Entry(command=Run(journalled=journalled)):
                    if journalled is not None:
                        self._outbox.resolve(journalled, None)
                case Entry():
                    pass
                case Restore():
                    self._restore(what)
                case Configure():
                    self._configure(what)
        if (lost := self._agenda.given_up(self._learner.net.tick)) is not None:
            why, commands = lost
            for command in commands:
                if isinstance(command, Run):
                    self._inbox.release(command.ticks)
                self._refuse(command, why)

    def _refuse(self, command: Command[Any], why: Exception) -> None:
        if isinstance(command, Run) and command.journalled is not None:
            self._outbox.fail(command.journalled, why)
        self._outbox.fail(command.reply, why)

    def _run_slice(self) -> None:
        """Ticks of one or more messages in one call."""
        parts = [] if self._pace.paused else self._agenda.parts(self._slice)
        if not parts:
            return
        started = time.monotonic()
        batch = run_slice(self._learner, parts)
        ended = time.monotonic()
        self._speed.count(sum(ticks for _, ticks in parts))
        self._changes += 1
        first = parts[0][0].record
        if isinstance(first, InputRecord):
            self._pace.frame(ended)
            self._slice = max(1, min(_SLICE_TICKS, int(_SLICE_SECONDS * len(batch) / max(ended - started, 1e-6))))
            self._inbox.release(len(batch))
        # Outputs of a net of tokens are of tokens, and nobody's dreams are told.
        if isinstance(first, InputRecord) or (
            isinstance(first, IdleRecord) and isinstance(self._learner, FrameLearner)
        ):
            self._outputs.append(batch)
        self._reply(parts, batch)

    def _reply(self, parts: Slice, batch: OutputBatch) -> None:
        start = 0
        for work, count in parts:
            work.outputs.append(batch if len(parts) == 1 else batch[start : start + count])
            work.done += count
            start += count
            if work.left:
                continue
            self._agenda.works.popleft()
            last = int(work.outputs[-1].tick[-1])
            if isinstance(work.record, InputRecord | EpisodeRecord):
                self.ledger.note(work.record, last)
            if isinstance(work.command, Run | Dream):
                self._outbox.resolve(work.command.reply, Ran(int(work.outputs[0].tick[0]), last, work.outputs))
            if work.counted:
                self._learner.rest(work.counted)

    def _idle(self) -> None:
        if not self._agenda.is_empty:
            return
        computed, counted = self._pace.due(time.monotonic())
        try:
            if computed:
                self._agenda.add_idle(computed, self._rate_of(self._idle_learning), counted)
                return
        except NotDurable:
            counted += computed  # what is not journalled is not lived through
        self._learner.rest(counted)
        self._agenda.rest(counted)

    def _journal_restore(self, command: Restore) -> None:
        if not Shape.of(command.learner).is_like(self.shape):
            self._outbox.fail(command.reply, Conflict("the snapshot is of a net with other inputs or outputs"))
        else:
            self._agenda.add_restore(command)

    def _restore(self, command: Restore) -> None:
        if (half := self._agenda.half()) is not None and half.command is not None:
            self._inbox.release(half.left)
            self._refuse(half.command, Conflict("a snapshot was restored while this was being learnt"))
        self._learner = command.learner
        self._changes += 1
        self._outputs.clear()
        self._outbox.resolve(command.reply, self._learner.net.tick)

    def _adopt(self) -> None:
        match self._agenda.homecoming():
            case Entry(command=UpdateWeights(adoption=adoption, reply=reply), record=WeightUpdateRecord() as record):
                if adoption.by(self._learner):
                    self._changes += 1
                    self.ledger.note(record, self._learner.net.tick)
                    self._outbox.resolve(reply, self._learner.net.tick)
                else:
                    self._outbox.fail(reply, Conflict("the net was restored to another shape meanwhile"))

    def _journal_change(self, command: Configure) -> None:
        if not command.is_of_learning:
            self._configure(command)
            return
        self._agenda.add_change(command, ChangeRecord(command.learning_rate, command.plasticity))

    def _configure(self, command: Configure) -> None:
        """For what is taken from now on; what was taken before is learnt at the rate of then."""
        if command.learning_rate is not None:
            self._learner.net.learning_rate = command.learning_rate
            self._changes += 1
        if command.plasticity is not None:
            self._plasticity = command.plasticity
        self._pace.change(time.monotonic(), command.tick_hz, command.paused, command.dreaming)
        self._outbox.resolve(command.reply, None)

    def _publish(self) -> None:
        before = self.status.mode
        self.status = status = self._status()
        if status.mode is not before:
            for listener in self.on_mode:
                self._outbox.tell(listener, status.mode)
        if not self._outbox.is_empty or self._announced != self._outputs.end:
            self._announced = self._outputs.end
            self._outbox.post()

    def _status(self) -> Status:
        now = time.monotonic()
        return Status.of(
            self._learner,
            mode=self._pace.mode,
            ticks_per_second=self._speed.per_second(now),
            plasticity=self._plasticity,
            tick_hz=self._pace.tick_hz,
            generations=len(self._talks),
            changes=self._changes,
            published_at=now,
        )
