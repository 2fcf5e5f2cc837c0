"""All that may be asked of the engine. Made on the event loop; each command carries the reply to it."""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.compact import CompactNet
from realnet.dendrites.explain import Explanation
from realnet.inputs import Input
from realnet.learners import Learner
from realnet.outputs import Level, OutputBatch
from service.journal.journal import Journal
from service.journal.position import JournalPosition
from service.journal.records import (
    ChangeRecord,
    HashRecord,
    InputRecord,
    MergeRecord,
    ResizeRecord,
    RestoreRecord,
    SessionInputRecord,
    SnapshotRef,
    WeightUpdateRecord,
    packed_tokens,
)
from service.replica.chronicle import ChronicleState
from service.replica.entry import Entry
from service.replica.episode import Episode, record_of, run_episodes
from service.replica.progress import ProgressState
from service.replica.replica import Horizon, Replica, ServiceState
from service.replica.sessions import Sessions
from service.replica.weight_update import Update

T = TypeVar("T")


def _reply() -> "asyncio.Future[T]":
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False, kw_only=True)
class Command(Generic[T]):
    """Something asked of the engine; `reply` is done when it has been done."""

    reply: "asyncio.Future[T]" = field(default_factory=_reply)


@dataclass(slots=True, eq=False, kw_only=True)
class JournalledCommand(Command[T]):
    """A command that changes the net: it becomes an entry, and is done in the journal's order.

    `journalled`, if somebody waits for it, is done as soon as the command cannot be lost any more.
    """

    journalled: "asyncio.Future[None] | None" = None

    def entry(self, horizon: Horizon) -> Entry:
        """Return what is to be journalled and applied, by a net that will then be at `horizon`."""
        raise NotImplementedError


@dataclass(slots=True, frozen=True)
class Ran:
    """The ticks `first_tick` … `last_tick`; `outputs` are all of them in order, in one or more batches."""

    first_tick: int
    last_tick: int
    outputs: list[OutputBatch]


@dataclass(slots=True, frozen=True)
class Sender:
    """Who sent an input, so that it is learnt once: a client and its number, or a key; `digest` is of the content.

    `space` begins the name of the client or the key, and is that of the caller who gave it.
    """

    client: str | None = None
    seq: int = 0
    key: str | None = None
    digest: str = ""
    at: float = 0.0  # seconds since 1970
    space: str = ""


NOBODY = Sender()


@dataclass(slots=True, eq=False)
class Run(JournalledCommand[Ran]):
    """Tokens or frames, at least one, that were checked before; `outputs` is what is to be in the reply."""

    given: Input
    learn: bool = True
    sender: Sender = NOBODY
    label: str | None = None
    session: str | None = None
    outputs: Level = "none"
    ticks: int = field(init=False)

    def __post_init__(self) -> None:
        self.ticks = len(self.given)

    def entry(self, horizon: Horizon) -> Entry:
        given, sender = self.given, self.sender
        kind = InputRecord if self.session is None else partial(SessionInputRecord, session=self.session)
        record = kind(
            horizon.tick,
            horizon.rate(self.learn),
            self.ticks,
            tokens=None if given.tokens is None else packed_tokens(given.tokens),
            frames=None if given.frames is None else given.frames.tobytes(),
            teachers=None if given.teachers is None else given.teachers.tobytes(),
            client=sender.client,
            client_seq=sender.seq,
            key=sender.key,
            digest=sender.digest,
            at=sender.at,
            space=sender.space,
            label=self.label,
        )
        return Entry(record, given, waiter=self, wanted=self.outputs)


@dataclass(slots=True, eq=False)
class Dream(JournalledCommand[Ran]):
    """A little of a job, run in one go: clients' inputs wait for it. Checked before.

    `rate` is times the net's learning rate; `done` is how far the job is with this.
    """

    episodes: list[Episode]
    job: str
    done: int
    rate: float = 1.0
    asleep: bool = False

    def entry(self, horizon: Horizon) -> Entry:
        record = record_of(
            self.episodes,
            tick=horizon.tick,
            rate=self.rate * horizon.rate(),
            job=self.job,
            done=self.done,
            asleep=self.asleep,
        )
        return Entry(record, episodes=self.episodes, waiter=self, wanted="best")  # jobs tell the accuracy


@dataclass(slots=True, eq=False)
class Restore(JournalledCommand[int]):
    """Put the net back to a snapshot, whose learner has the same interface. Replies with the tick."""

    learner: Learner
    snapshot: SnapshotRef
    job: str | None = None  # that has brought the snapshot from elsewhere; then there may be no sessions, but …
    chronicle: ChronicleState | None = None  # None: it is not known
    sessions: Sessions | None = None  # None: there are none
    lived: ProgressState | None = None  # … what it lived through there, and …
    before: tuple[Checkpoint, ServiceState] | None = None  # … here comes what the net was just before

    def entry(self, horizon: Horizon) -> Entry:
        record = RestoreRecord(self.snapshot, self.job)
        return Entry(
            record,
            learner=self.learner,
            chronicle=self.chronicle,
            sessions=self.sessions,
            lived=self.lived,
            waiter=self,
        )


@dataclass(slots=True, eq=False)
class UpdateWeights(JournalledCommand[int]):
    """Take over what a job has made of a fork. Replies with the tick."""

    update: Update
    job: str
    fitted: SnapshotRef
    fork: SnapshotRef | None  # None: in place of the net's own

    def entry(self, horizon: Horizon) -> Entry:
        record = WeightUpdateRecord(horizon.tick, self.job, self.fitted, self.fork)
        return Entry(record, update=self.update, waiter=self)


@dataclass(slots=True, eq=False)
class Merge(JournalledCommand[int]):
    """Take over merged lines, with what was learnt since the snapshot `fork`. Replies with the tick."""

    update: Update
    job: str
    fitted: SnapshotRef
    fork: SnapshotRef | None  # None: its birth
    ancestor: SnapshotRef | None

    def entry(self, horizon: Horizon) -> Entry:
        record = MergeRecord(horizon.tick, self.job, self.fitted, self.fork, self.ancestor)
        return Entry(record, update=self.update, waiter=self)


@dataclass(slots=True, eq=False)
class Resize(JournalledCommand[int]):
    """Give the net room for so many lines, and dendrites for more contexts; or take lines away. Replies with the tick.

    None leaves the lines as they are.
    """

    lines: int | None
    contexts: list[str] = field(default_factory=list)
    shrinks: bool = False

    def entry(self, horizon: Horizon) -> Entry:
        return Entry(ResizeRecord(horizon.tick, self.lines, self.contexts, self.shrinks), waiter=self)


@dataclass(slots=True, eq=False)
class Change(JournalledCommand[None]):
    """New settings of the net, for inputs that are taken from now on. None leaves a setting as it is."""

    learning_rate: float | None = None
    plasticity: bool | None = None
    paused: bool | None = None

    def entry(self, horizon: Horizon) -> Entry:
        return Entry(ChangeRecord(self.learning_rate, self.plasticity, self.paused), waiter=self)


@dataclass(slots=True, eq=False)
class TellHash(JournalledCommand[int]):
    """The hash that was taken at the record `mark`, for the servers that follow. Replies with the tick."""

    mark: int
    tick: int
    sha256: str

    def entry(self, horizon: Horizon) -> Entry:
        return Entry(HashRecord(self.mark, self.tick, self.sha256), waiter=self)


@dataclass(slots=True, eq=False)
class Lead(Command[None]):
    """Write to the journal from now on, all of which was followed until now."""

    journal: Journal


@dataclass(slots=True, eq=False)
class SetPace(Command[None]):
    """How time passes without inputs; not journalled. None leaves a thing as it is."""

    tick_hz: float | None = None
    dreaming: bool | None = None
    self_loop: bool | None = None


@dataclass(slots=True, eq=False)
class Query(Command[T]):
    """A command that only reads the net, and is answered at once, between two ticks."""

    def answer(self, replica: Replica, position: JournalPosition | None) -> T:
        """Return the reply; `position` is how far into the journal the replica is, None without a journal."""
        raise NotImplementedError


@dataclass(slots=True, eq=False)
class Evaluate(Query[OutputBatch]):
    """What the net says in these episodes, by a fork: nothing is learnt, and no tick counts."""

    episodes: list[Episode]

    def answer(self, replica: Replica, position: JournalPosition | None) -> OutputBatch:
        return run_episodes(replica.learner.fork(), self.episodes, 0.0)


@dataclass(slots=True, eq=False)
class Explain(Query[Explanation | None]):
    """Why the net expects what it does after a context, by a fork; None of a net that cannot tell."""

    context: NDArray[np.int32]
    fresh: bool
    session: str | None = None

    def answer(self, replica: Replica, position: JournalPosition | None) -> Explanation | None:
        learner = replica.learner
        if not isinstance(learner, DendriteLearner) or isinstance(learner.net, CompactNet):
            return None
        with replica.sessions.looked_into(self.session):
            return learner.explain(self.context, self.fresh)


@dataclass(slots=True, eq=False)
class SampleExperience(Query[list[Episode]]):
    """Random stretches of what the net lived through, each of up to `ticks` ticks after up to `lead`."""

    count: int
    ticks: int
    lead: int
    seed: list[int]

    def answer(self, replica: Replica, position: JournalPosition | None) -> list[Episode]:
        return replica.progress.experience.draw(self.count, self.ticks, self.lead, self.seed)


@dataclass(slots=True, eq=False)
class ReadExperience(Query[NDArray[np.int32]]):
    """The last tokens that the net has learnt from, at most so many; none of a net of frames."""

    most: int

    def answer(self, replica: Replica, position: JournalPosition | None) -> NDArray[np.int32]:
        lived = getattr(replica.learner, "tokens_seen", 0)  # what a restore has undone is kept, too
        return replica.progress.experience.tokens(min(self.most, lived))
