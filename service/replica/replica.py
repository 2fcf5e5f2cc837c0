"""The one interpreter of journal entries: an engine, a start and a follower all apply entries here, in order."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from realnet.dendrites.net import DendriteNet
from realnet.dendrites.wiring import Wiring
from realnet.learners import Learner
from realnet.outputs import Level, OutputBatch
from realnet.score import History
from service.journal.position import JournalPosition
from service.journal.records import (
    ChangeRecord,
    EpisodeRecord,
    ForgetRecord,
    HashRecord,
    InputRecord,
    MarkRecord,
    MergeRecord,
    ObserveRecord,
    RebaseRecord,
    ResizeRecord,
    RestoreRecord,
    StreamRecord,
    TickedRecord,
    TogetherRecord,
    WeightUpdateRecord,
    inputs_of,
)
from service.journal.unordered import ANY_TICK
from service.replica.chronicle import Chronicle, ChronicleState
from service.replica.entry import Entry, EntryState, Slice, run_slice
from service.replica.progress import Progress, ProgressState
from service.replica.rebasing import rebased
from service.replica.sessions import Sessions, SessionState
from service.replica.together import live_together

_RESTORED = "the net was restored meanwhile, to another shape or to what it was before the fork"


class OutOfOrder(Exception):
    """An entry does not follow what was applied before it."""


class Horizon(NamedTuple):
    """The state in which the next record will find the net: after everything that is applied before it."""

    tick: int
    learning_rate: float
    plasticity: bool
    paused: bool

    def rate(self, learn: bool = True) -> float:
        """Return the learning rate of an input that enters here; 0 where nothing is to be learnt."""
        return self.learning_rate if learn and self.plasticity else 0.0

    def after(self, entry: Entry) -> "Horizon":
        match entry.record:
            case ChangeRecord(learning_rate=rate, plasticity=plasticity, paused=paused):
                return Horizon(
                    self.tick,
                    self.learning_rate if rate is None else rate,
                    self.plasticity if plasticity is None else plasticity,
                    self.paused if paused is None else paused,
                )
            case RestoreRecord():
                assert entry.learner is not None
                net = entry.learner.net
                return self._replace(tick=net.tick, learning_rate=net.learning_rate)
        return self._replace(tick=self.tick + entry.left + entry.counted)


class ServiceState(ProgressState, frozen=True, omit_defaults=True, kw_only=True):
    """What a snapshot keeps of a replica beside its learner; `place` is None if it was taken without a journal."""

    place: JournalPosition | None = None
    plasticity: bool
    paused: bool = False
    history: tuple[int, int, bytes] | None = None  # None: of a server that kept none
    born_at: float = 0.0  # seconds since 1970, 0 if unknown
    chronicle: ChronicleState | None = None  # None: of a server that kept none
    sessions: list[SessionState] = msgspec.field(default_factory=list)

    def to_bytes(self) -> bytes:
        """Return it in MessagePack."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> "ServiceState":
        """Read what `to_bytes` wrote. Raises ValueError."""
        return msgspec.msgpack.decode(data, type=cls)


class Replica:
    """A learner, and what the service knows beside it. The same entries always make the same replica."""

    def __init__(self, learner: Learner, state: ServiceState | None = None) -> None:
        state = state or ServiceState(plasticity=True)
        self.history = History(*(state.history or ()))
        self.born_at = state.born_at
        self._live(learner, state.chronicle)
        self.sessions = Sessions(learner, state.sessions)
        self.progress = Progress.of(state)
        self.plasticity = state.plasticity
        self.paused = state.paused
        self.changes = 0  # grows with everything that a snapshot must not lose
        self.on_observed: Callable[[Entry], None] = lambda _: None  # is handed all that is about streams, in order

    @property
    def horizon(self) -> Horizon:
        return Horizon(self.learner.net.tick, self.learner.net.learning_rate, self.plasticity, self.paused)

    def let_go(self) -> None:
        """Free the net at once, for good: cycles of references would keep it until the next full collection."""
        del self.learner, self.sessions

    def apply(self, taken: Slice, wanted: Level = "none") -> OutputBatch | None:
        """Apply the entries of a slice, as far as it says; return the outputs of its ticks, None where it has none.

        Those of inputs that are lived at once are returned when all are done.

        What of the outputs is computed is what is `wanted` of every input, and what each entry wants of its own.
        Raises OutOfOrder, with nothing changed.
        """
        first, batch = taken[0][0], None
        match first.record:
            case ChangeRecord() as record:
                self._change(record)
            case RestoreRecord() as record:
                assert first.learner is not None, "a restore has its learner: whoever made the entry has loaded it"
                self._live(first.learner, first.chronicle)
                self.sessions = first.sessions or Sessions(first.learner)
                if first.lived is not None:
                    self.progress.live(first.lived)
                self.progress.ancestor = record.snapshot
            case WeightUpdateRecord():
                assert first.update is not None, "a weight update has its weights: whoever made the entry has read them"
                with self._rewiring():
                    if not first.update.by(self.learner):
                        first.refused = _RESTORED
            case MergeRecord() as record:
                assert first.update is not None, "a merge has its lines: whoever made the entry has read them"
                if record.ancestor != self.progress.ancestor or not first.update.by(self.learner):
                    first.refused = "the net was restored, resized or merged meanwhile"
            case ResizeRecord() as record:
                with self._rewiring():
                    first.refused = self._resize(record)
            case RebaseRecord():
                assert first.parent is not None, "a rebase has its parent: whoever made the entry has it"
                first.refused = rebased(self.learner, self.sessions, first.parent)
            case MarkRecord() as record:
                self._rest_until(record.tick)
            case ObserveRecord() | StreamRecord():
                self.observe(first)
            case ForgetRecord(session=session):
                if not self.sessions.forget(session):
                    first.refused = f"there is no session {session!r}"
            case HashRecord():  # nothing to be lived through: whoever compares hashes does it beside the net
                pass
            case _:
                batch = self._run(taken, wanted)
        self.changes += 1
        for entry, ticks in taken:
            entry.done += ticks
            if not entry.left:
                self._finish(entry)
        return batch

    def observe(self, entry: Entry) -> None:
        """Hand on what is about a stream. The net is not changed by it, so that it waits for no tick before it."""
        if isinstance(entry.record, ObserveRecord):
            self.progress.note_sender(entry.record, entry.seq)
        self.changes += 1
        self.on_observed(entry)
        entry.state = EntryState.DONE

    def skip(self, entry: Entry) -> None:
        """Take an entry as applied that a restore behind it undoes anyway."""
        record = entry.record
        for each in inputs_of(record):
            self.progress.note(each, each.tick + each.ticks)
        if isinstance(record, EpisodeRecord):
            self.progress.note(record, record.tick + record.ticks)
        elif isinstance(record, WeightUpdateRecord | MergeRecord):
            self.progress.note(record, record.tick)
        elif isinstance(record, ChangeRecord):
            self._change(record)
        entry.state = EntryState.DONE

    def state(self, position: JournalPosition | None) -> ServiceState:
        """Return what a snapshot keeps beside the net; `position` is how far into the journal this replica is."""
        progress = msgspec.structs.asdict(self.progress.state())
        return ServiceState(
            **progress,
            place=position,
            plasticity=self.plasticity,
            paused=self.paused,
            history=self.history.kept(),
            born_at=self.born_at,
            chronicle=self.chronicle.state(),
            sessions=self.sessions.state(),
        )

    def become(self, other: "Replica") -> None:
        """Go on as another replica, which is used no more. What others hold of this one's progress stays true."""
        self.history, self.born_at = other.history, other.born_at
        self._live(other.learner, other.chronicle.state())
        self.sessions = other.sessions
        self.progress.become(other.progress)
        self.plasticity, self.paused = other.plasticity, other.paused
        self.on_observed = other.on_observed
        self.changes += 1

    def rest(self, ticks: int) -> None:
        """Count ticks in which nothing moves."""
        self.learner.rest(ticks)

    def _live(self, learner: Learner, chronicle: ChronicleState | None) -> None:
        """Go on as this learner, with the chronicle of its own life, which begins where none is known.

        The history, too, goes on from there: it is of the replica and survives a restore.
        """
        self.learner = learner
        self.history.go_to(learner.tokens_seen)
        self.chronicle = Chronicle(learner.interface.vocabulary, chronicle)
        learner.score.history, learner.score.witness = self.history, self.chronicle

    def _run(self, taken: Slice, wanted: Level) -> OutputBatch | None:
        first, record = taken[0][0], taken[0][0].record
        assert isinstance(record, TickedRecord)
        if not first.done and record.tick != ANY_TICK:
            self._rest_until(record.tick)
        if isinstance(record, TogetherRecord):
            return live_together(self.learner, self.sessions, self.chronicle, first, taken[0][1], wanted)
        self.chronicle.expect((_label_of(entry), ticks) for entry, ticks in taken)
        batch = run_slice(self.learner, self.sessions, taken, wanted)
        start = 0
        for entry, ticks in taken:
            entry.outputs.append(batch if len(taken) == 1 else batch[start : start + ticks])
            start += ticks
        return batch

    def _rest_until(self, tick: int) -> None:
        """Count the ticks in which nothing moved before a record. Raises OutOfOrder."""
        now = self.learner.net.tick
        if tick < now:
            raise OutOfOrder(f"enters after tick {tick}, and the net is at {now}")
        self.learner.rest(tick - now)

    @contextmanager
    def _rewiring(self) -> Iterator[None]:
        """Have sessions go on under the wiring that the net gets here, if that is another."""
        before = _wiring_of(self.learner)
        yield
        after = _wiring_of(self.learner)
        if before is not None and after is not None and after != before:
            self.sessions.rewire(before, after)

    def _resize(self, record: ResizeRecord) -> str | None:
        """Grow or shrink the net; return why not, with nothing changed, if it cannot be."""
        net = self.learner.net
        if not isinstance(net, DendriteNet):
            return "only a net of dendrites grows and shrinks"
        try:
            if record.shrinks:
                net.shrink(record.lines or 0)
            else:
                net.grow(record.lines, record.contexts)
        except ValueError as error:
            return str(error)
        return None

    def _change(self, record: ChangeRecord) -> None:
        if record.learning_rate is not None:
            self.learner.net.learning_rate = record.learning_rate
        if record.plasticity is not None:
            self.plasticity = record.plasticity
        if record.paused is not None:
            self.paused = record.paused

    def _finish(self, entry: Entry) -> None:
        entry.state = EntryState.DONE
        match entry.record:
            case InputRecord() | EpisodeRecord() as record:
                self.progress.note(record, int(entry.outputs[-1].tick[-1]))
            case TogetherRecord(inputs=inputs):
                for each in inputs:
                    self.progress.note(each, each.tick + each.ticks)
            case WeightUpdateRecord() | RestoreRecord() as record if entry.refused is None:
                self.progress.note(record, self.learner.net.tick)
            case MergeRecord() as record if entry.refused is None:
                self.progress.note(record, self.learner.net.tick)
                self.progress.ancestor = record.merged
        if entry.counted:
            self.learner.rest(entry.counted)


def _wiring_of(learner: Learner) -> Wiring | None:
    return learner.net.wiring if isinstance(learner.net, DendriteNet) else None


def _label_of(entry: Entry) -> str | None:
    return entry.record.label if isinstance(entry.record, InputRecord) else None
