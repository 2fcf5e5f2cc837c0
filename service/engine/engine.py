"""What owns the net: take what was asked, journal it, apply what is durable, publish."""

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from realnet.kernels import KernelLost
from service.engine.commands import Command, JournalledCommand, Lead, Query, Restore, Run, SetPace
from service.engine.feed import Anew, Feed
from service.engine.firings import Firings
from service.engine.gathering import Gathering, entry_of, may_live_together
from service.engine.generate import Generate
from service.engine.generations import Generations
from service.engine.hashes import Hash, Hashes
from service.engine.inbox import Inbox
from service.engine.opinions import Listeners
from service.engine.outbox import Outbox
from service.engine.output_ring import OutputRing
from service.engine.pace import PATIENCE_SECONDS, Mode, Pace
from service.engine.pipeline import Pipeline, SliceSize
from service.engine.replay_report import reported
from service.engine.replies import Replies, is_run
from service.engine.status import Status, StatusBoard
from service.engine.thoughts import Thoughts
from service.engine.threads import Threads
from service.errors import Conflict, EngineStopped, NotDurable, NotReady
from service.journal.codec import JournalDamaged
from service.journal.journal import Journal, NoJournal
from service.journal.records import (
    ChangeRecord,
    HashRecord,
    IdleRecord,
    InputRecord,
    MarkRecord,
    ObservedRecord,
    RestoreRecord,
    TogetherRecord,
)
from service.replica.entry import Entry, turns_of
from service.replica.replay import Replay
from service.replica.replica import OutOfOrder, Replica
from service.speed.cores import cores
from service.store.base import StoreError
from service.strands import Pool, Strand

DIED = "the engine has died, the server's log tells why"
_STALLED_SECONDS = 5.0  # of a step
_RESTED_SECONDS = 10.0  # between two steps of a net that rests, and shares its thread
_STOP_SECONDS = 1.0
_THOUGHT_SECONDS = 0.25  # between two thoughts of a net to which nothing comes
_ALL = 4096  # ticks in a slice that nobody waits for
_CATCHING_UP_SECONDS = 0.03  # that a slice of the journal is to take at a start
T = TypeVar("T")
_logger = logging.getLogger(__name__)


class Engine:
    """Owns a replica: what changes it is journalled first, in the order it was taken, and applied when durable.

    It lives step by step on one of the threads of a `pool`, or on one of its own. With a `feed` it is another server
    that journals, and this one applies what comes from there, until it leads.
    """

    def __init__(
        self,
        *,
        replica: Replica,
        inbox: Inbox,
        outputs: OutputRing,
        pace: Pace,
        journal: Journal | None = None,
        replay: Replay | None = None,
        idle_learning: bool = False,
        self_loop: bool = False,
        feed: Feed | None = None,
        hashes: Hashes | None = None,
        pool: Pool | None = None,
    ) -> None:
        self.interface = replica.learner.interface
        self.progress = replica.progress
        self.replay = replay  # what is still to be applied before anything else
        self.failure: str | None = None  # why it has ended, if not by a stop
        self._replica = replica
        self._inbox = inbox
        self._outputs = outputs
        self._pace = pace
        self._idle_learning = idle_learning
        self._feed = feed
        self.hashes = hashes or Hashes(0)
        self.hashes.on_difference, self.hashes.on_loss = self._differs, self.end
        self.on_difference: Callable[[Hash], None] = lambda _: None  # on any thread: the net has stopped answering
        self.difference: Hash | None = None  # what another server's hash was not equal to
        self._taken: deque[Command[Any]] = deque()
        self._gathering = Gathering()
        self._pipeline = Pipeline(journal or NoJournal(), replica.horizon)
        self._slice = SliceSize()
        self._threads = Threads(cores())
        self._reading = iter(()) if replay is None else reported(replay, replica)
        self._strand, self._shares = Strand(pool or Pool(1, "engine"), self._turn), pool is not None
        self._lost: Exception | None = None  # what it is to end by
        self._stopping, self._ended = False, True  # it has ended until it is started, and when it has died
        self._outbox = Outbox(self._delivered)
        self._replies = Replies(inbox, self._outbox)
        self._generations = Generations(self._outbox)
        self.firings, self.thoughts, self.listeners = Firings(), Thoughts(self_loop), Listeners(self._outbox)
        self._pace.frame(time.monotonic())
        self.board = StatusBoard(self._outbox, outputs, replica, pace)

    # On the event loop:

    def start(self) -> None:
        self._outbox.open()
        self._ended = False
        self._inbox.ready = self.replay is None
        self._inbox.on_change = self._strand.wake
        self._strand.wake()

    async def stop(self) -> None:
        """End after the slice that is being applied; what was not applied is refused."""
        self._stopping = True
        if await self._strand.join(_STOP_SECONDS):
            self._outbox.deliver()
            self._replica.let_go()
        self.hashes.close()

    async def ask(self, command: Command[T]) -> T:
        """Put a command in and wait for the reply. Raises Refused."""
        self._inbox.put(command)
        return await command.reply

    @property
    def status(self) -> Status:
        """Return the net as of the last step; if that was long ago it makes another, for who looks again."""
        status = self.board.status
        if time.monotonic() - status.published_at > PATIENCE_SECONDS and not self._ended:
            self._strand.wake()
        return status

    @property
    def nbytes(self) -> int:
        """Return about how many bytes the net takes."""
        return self._replica.learner.net.nbytes

    @property
    def alive(self) -> bool:
        return not (self._ended or self._strand.is_stuck(_STALLED_SECONDS))

    def end(self, error: Exception) -> None:
        """Have it end by an error that came of its net elsewhere. On any thread."""
        self._lost = error
        self._inbox.wake()

    def _delivered(self) -> None:
        self._outputs.notify()
        self._inbox.admit()

    # On its thread:

    def _turn(self) -> float | None:
        """Make a step, and return for how many seconds there is nothing to do if nothing comes; None at the end."""
        try:
            if not self._stopping:
                return self.step() if self.replay is None else self._catch_up(self.replay)
        except (JournalDamaged, StoreError, KernelLost) as error:
            _logger.error("the net cannot go on where it was, and learns nothing: %s", error)
            self.failure = str(error)
        except Exception:
            _logger.exception("the engine has died; nothing is learnt from now on, and no snapshot is taken")
            self.failure = DIED
        self._ended, self._reading = True, iter(())
        why = EngineStopped(self.failure or "the server stops")
        waiters = [part.waiter for entry in self._pipeline.clear() for part in entry.parts]
        for waiter in dict.fromkeys((*self._taken, *self._gathering.clear(), *waiters, *self._inbox.close(why))):
            self._replies.refuse(waiter, why)
        self._generations.end(why)
        self._outbox.flush()
        return None

    def _catch_up(self, replay: Replay) -> float:
        """Apply a slice of what the journal has after the snapshot, or see that there is no more."""
        started = time.monotonic()
        ticks = next(self._reading, None)
        if ticks is not None:
            if ticks:
                self._slice.adapt(ticks, time.monotonic() - started)
            replay.most = self._slice.within(_CATCHING_UP_SECONDS)
            self.board.rate.count(ticks)
            self.board.publish(self._replica.horizon, 0, replay.at)
            return 0.0
        self._pipeline.rest(self._replica.horizon)
        self._pace.change(time.monotonic(), paused=self._replica.paused)
        self._pace.frame(time.monotonic())
        self.board.publish(self._replica.horizon, 0, replay.at)
        self.replay = None
        self._inbox.ready = True
        return 0.0

    def step(self) -> float:
        """Do what there is to do, at most a slice of it; return for how many seconds that is all if nothing comes."""
        self._take()
        if self._lost is not None:
            raise self._lost
        if self._feed is None:
            self._idle()
            self._mark()
        else:
            self._follow(self._feed)
        self._pipeline.begin_commit()
        self._settle()
        self._generations.go_on()
        if not self._outbox.is_empty:
            self._publish()  # what was asked is answered before the next slice
        self._apply()
        if self._feed is not None:
            self._feed.applied(self._pipeline.applied)
        self.firings.look(self._replica)
        self._publish()
        return self._patience()

    def _publish(self) -> None:
        self.board.publish(self._pipeline.horizon, len(self._generations), self._pipeline.applied)

    def _take(self) -> None:
        self._taken.extend(self._inbox.take())
        if self._feed is None and self._pace.only_counts:
            self._idle()  # the time until now has passed before what comes
        while self._taken:
            try:
                self._accept(self._taken[0])
            except NotDurable as error:
                self._replies.not_taken(self._taken[0], error)
            self._taken.popleft()
        for runs in self._gathering.ready(self._replica.learner, len(self._pipeline) > 0, must=self._pace.paused):
            try:
                self._pipeline.append(entry_of(runs, self._pipeline.horizon, self._slice.stretch(len(runs))))
            except NotDurable as error:
                for run in runs:
                    self._replies.not_taken(run, error)

    def _patience(self) -> float:
        is_busy = bool(self._generations) or self._pipeline.is_ready(self._slice.most(self._pace.paused))
        if is_busy or (len(self._gathering) > 0 and not self._pipeline):
            return 0.0
        patience = self._pace.patience(time.monotonic())
        if self.thoughts.is_on:
            return min(_THOUGHT_SECONDS, patience)
        if (
            self._shares and self._pace.only_counts
        ):  # nobody waits to see that it rests, nor its ticks until somebody looks
            rests = self._pace.mode is not Mode.AWAKE and not self.board.status.ticks_per_second
            return _RESTED_SECONDS if rests else PATIENCE_SECONDS
        return patience

    def _accept(self, command: Command[Any]) -> None:
        match command:
            case Run() if may_live_together(self._replica.learner) and self._gathering.takes(command):
                pass
            case JournalledCommand():
                self._pipeline.append(command.entry(self._pipeline.horizon))
            case Query():
                self._outbox.resolve(command.reply, command.answer(self._replica, self._pipeline.position()))
            case Generate():
                self._generations.begin(command, self._replica)
            case SetPace(tick_hz=tick_hz, dreaming=dreaming, self_loop=self_loop):
                self._pace.change(time.monotonic(), tick_hz=tick_hz, dreaming=dreaming)
                if self_loop is not None:
                    self.thoughts.turn(self_loop)
                self._outbox.resolve(command.reply, None)
            case Lead(journal=journal):
                self._lead(journal)
                self._outbox.resolve(command.reply, None)

    def _follow(self, feed: Feed) -> None:
        """Take what another server has journalled."""
        if self.difference is not None and self._inbox.ready:
            self._leave(self.difference)
        for each in feed.take():
            if isinstance(each, Anew):
                self._begin_anew(each)
            elif self.difference is None:
                self._pipeline.follow(each.entries, each.last)
        self._pace.due(time.monotonic())  # for the mode: ticks without input are the other server's
        feed.is_paused = self._pace.paused

    def _lead(self, journal: Journal) -> None:
        """Apply all that was followed, also where the net is paused, as a start does; then journal."""
        if self._feed is not None:
            self._follow(self._feed)
        self._feed = None
        self._settle()
        while len(self._pipeline):
            self._apply(most=_ALL)
        self._pipeline.lead(journal, self._replica.horizon)

    def _differs(self, own: Hash) -> None:
        """Note that this net is not what it should be. On any thread."""
        self.difference = own
        self._inbox.wake()

    def _leave(self, own: Hash) -> None:
        """Answer nothing any more, until the net is another."""
        _logger.error("the net is not the leader's: its hash at tick %d differs; nothing is answered", own.tick)
        self._inbox.why_not = f"the net was not the leader's at tick {own.tick}, and is fetched anew"
        self._inbox.ready = False
        self._pipeline.clear()
        self._generations.end(NotReady(self._inbox.why_not))
        self.on_difference(own)

    def _begin_anew(self, anew: Anew) -> None:
        self._replica.become(anew.replica)
        self._pipeline.begin_anew(anew.last, self._replica.horizon)
        self._pace.change(time.monotonic(), paused=self._replica.paused)
        self._outputs.clear()
        self.hashes.forget()
        self.difference = None
        self._inbox.ready = True

    def _mark(self) -> None:
        """Have all servers take a hash, every so many ticks."""
        if self.hashes.is_due(self.board.rate.total):
            with contextlib.suppress(NotDurable):
                self._pipeline.append(Entry(MarkRecord(self._pipeline.horizon.tick)))

    def _idle(self) -> None:
        if self._pipeline:
            return
        computed, counted = self._pace.due(time.monotonic())
        if computed:
            horizon = self._pipeline.horizon
            try:
                record = IdleRecord(horizon.tick, horizon.rate(self._idle_learning), computed)
                self._pipeline.append(Entry(record, counted=counted))
                return
            except NotDurable:
                counted += computed  # what is not journalled is not lived through
        if counted:
            self._replica.rest(counted)
            self._pipeline.rest(self._replica.horizon)
            self.thoughts.go_on(counted, self._replica)

    def _settle(self) -> None:
        """See which records have become durable, and which never will."""
        for entry in self._pipeline.settle():
            if isinstance(entry.record, ChangeRecord):
                self._pace.change(time.monotonic(), paused=entry.record.paused)
            self._replies.journalled(entry)
            if isinstance(entry.record, ObservedRecord):
                self._replica.observe(entry)
        self._pipeline.pop_done()
        if (failed := self._pipeline.drop_failed(self._replica.horizon)) is not None:
            for entry in failed[1]:
                self._replies.dropped(entry, failed[0])
        if self._pace.paused:
            for entry in self._pipeline.before_restore():  # so that a restore does not wait for what it undoes
                self._replica.skip(entry)
                self._replies.dropped(entry, Conflict("a snapshot was restored before this was learnt"))
            self._pipeline.pop_done()

    def _apply(self, most: int | None = None) -> None:
        """Apply a slice: the ticks of one or more messages in one call, or one entry without ticks."""
        if most is None:
            most = self._slice.most(self._pace.paused, hurried=bool(self._generations))
        if not (taken := self._pipeline.next_slice(most)):
            return
        first, ticks = taken[0][0].record, sum(ticks for _, ticks in taken)
        is_input = isinstance(first, InputRecord | TogetherRecord)
        may_thread = is_input and self._threads.apply(self._replica.learner.net)
        started = (clock := self._slice.clock_of(self._replica.learner.net))()
        self.listeners.listen(self._replica.learner, is_input)  # dreams are private
        if isinstance(restore := taken[0][0].waiter, Restore) and restore.job is not None:
            restore.before = self._replica.learner.checkpoint(), self._replica.state(self._pipeline.position())
        try:
            batch = self._replica.apply(taken, self._outputs.wanted.level)
        except OutOfOrder:
            if self._feed is None:
                raise
            self._differs(Hash(taken[0][0].seq, self._replica.learner.net.tick, ""))
            return
        self.board.rate.count(ticks)
        if is_input:
            self.listeners.tell()
            self._pace.frame(time.monotonic())
            self._slice.adapt(ticks, seconds := clock() - started)
            if may_thread:
                self._threads.took(ticks, seconds)
            self._inbox.release(sum(ticks for entry, ticks in taken if is_run(entry)))
        elif isinstance(first, RestoreRecord):
            self._outputs.clear()
        elif isinstance(first, MarkRecord) and (self._feed is not None or self.hashes.wanted):
            replica = self._replica
            self.hashes.take(taken[0][0].seq, replica.learner.begin_checkpoint(), replica.sessions.state())
        elif isinstance(first, HashRecord) and self._feed is not None:
            self.hashes.told(first)
        is_told = is_input or (isinstance(first, IdleRecord) and self.interface.idle_speaks)
        if batch is not None and is_told:  # dreams are private
            self._outputs.append(batch, turns_of(taken))
        for entry in self._pipeline.pop_done():
            self._replies.applied(entry, self._replica.learner.net.tick)
