"""Keep what the service must know after a restart: who has sent what, how far jobs are, what to sleep on."""

from collections import OrderedDict
from dataclasses import dataclass

import msgspec

from service.journal.records import (
    EpisodeRecord,
    InputRecord,
    MergeRecord,
    ObserveRecord,
    RestoreRecord,
    SnapshotRef,
    WeightUpdateRecord,
)
from service.replica.experience import Experience
from service.replica.senders import CLIENT_SECONDS, KEY_SECONDS, Learnt, SenderTable, Shares

_JOBS = 1000  # those that were told of longest ago are forgotten
SLEEP_RATIO = 4  # ticks slept on for each that was learnt from
_MOST_OWED = 2**23


class ProgressState(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A progress as a snapshot keeps it.

    `clients` (last seq and its last tick) and `keys` are those of a server from before callers had shares. They are
    read and never written, so that such a server refuses a new snapshot by its missing fields, and forgets nobody.
    """

    clients: dict[str, tuple[int, int]] = {}
    keys: dict[str, Learnt] = {}
    jobs: dict[str, int] = {}
    experience: tuple[bytes, int, int] = (b"", 0, 0)
    owed: int = 0
    client_shares: Shares = {}
    key_shares: Shares = {}
    ancestor: SnapshotRef | None = None


@dataclass(slots=True)
class Progress:
    """Senders, jobs and experience of a net. The engine's thread writes, the loop reads."""

    clients: SenderTable
    keys: SenderTable
    jobs: "OrderedDict[str, int]"  # how far each is, in the order of the last change
    experience: Experience
    owed: int = 0  # ticks of sleep
    ancestor: SnapshotRef | None = None  # whose lines those that it merges with had, too; None: a newborn's

    @classmethod
    def of(cls, state: ProgressState) -> "Progress":
        before = {name: Learnt("", tick, tick, 0.0, seq) for name, (seq, tick) in state.clients.items()}
        return cls(
            SenderTable(CLIENT_SECONDS, state.client_shares or {None: before}),
            SenderTable(KEY_SECONDS, state.key_shares or {None: state.keys}),
            OrderedDict(state.jobs),
            Experience.of(state.experience),
            state.owed,
            state.ancestor,
        )

    def note(
        self, record: InputRecord | EpisodeRecord | WeightUpdateRecord | MergeRecord | RestoreRecord, last_tick: int
    ) -> None:
        """Note that a record has been learnt; the net is at `last_tick`."""
        if not isinstance(record, InputRecord):
            if record.job is None:  # of a restore that no job has asked for
                return
            self.jobs[record.job] = record.done if isinstance(record, EpisodeRecord) else 1
            self.jobs.move_to_end(record.job)
            if len(self.jobs) > _JOBS:
                self.jobs.popitem(last=False)
            if isinstance(record, EpisodeRecord) and record.asleep:
                self.owed = max(0, self.owed - record.ticks)
            return
        if record.rate > 0:
            self.experience.add(record)
            self.owed = min(_MOST_OWED, self.owed + SLEEP_RATIO * record.ticks)
        self.note_sender(record, last_tick)

    def note_sender(self, record: InputRecord | ObserveRecord, last_tick: int) -> None:
        """Note who has sent what was learnt; of rows of a stream `last_tick` is the number of their record."""
        if record.client is not None:
            self.clients.note(record.client, record, last_tick)
        if record.key is not None:
            self.keys.note(record.key, record, last_tick)

    def live(self, state: ProgressState) -> None:
        """Take over what another net lived through and may sleep on; senders and jobs are this server's own."""
        self.experience, self.owed = Experience.of(state.experience), state.owed

    def become(self, other: "Progress") -> None:
        """Take over another progress, which is used no more."""
        self.clients.become(other.clients)
        self.keys.become(other.keys)
        self.jobs.clear()
        self.jobs.update(other.jobs)
        self.experience, self.owed, self.ancestor = other.experience, other.owed, other.ancestor

    def state(self) -> ProgressState:
        """Return a copy of everything."""
        return ProgressState(
            jobs=dict(self.jobs),
            experience=self.experience.kept(),
            owed=self.owed,
            client_shares=self.clients.shares(),
            key_shares=self.keys.shares(),
            ancestor=self.ancestor,
        )
