"""Apply the records after a snapshot, in slices, at the kernel's speed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from realnet import Checkpoint, from_checkpoint
from service.journal.codec import JournalDamaged
from service.journal.position import JournalPosition
from service.journal.records import (
    EntryRecord,
    MergeRecord,
    RebaseRecord,
    Record,
    RestoreRecord,
    SnapshotRef,
    TickedRecord,
    WeightUpdateRecord,
)
from service.replica.birth import Descent
from service.replica.entry import Entry, Slice, next_slice
from service.replica.rebasing import parent_of
from service.replica.replica import OutOfOrder, Replica, ServiceState
from service.replica.sessions import Sessions
from service.replica.weight_update import lines_update_of, update_of

_MOST_TICKS = 4096
_READ_RECORDS, _READ_TICKS = 4096, 2**16  # read ahead at most, and a record more

# The bytes of a snapshot that a record needs, and what was remembered beside it, if anything. Raises JournalDamaged.
Load = Callable[[int, SnapshotRef], tuple[bytes, bytes]]


class Replay:
    """The `total` records after `position`; snapshots that they name are asked of `load`, when their turn comes."""

    def __init__(
        self,
        records: Callable[[], Iterable[tuple[int, Record]]],
        position: JournalPosition,
        total: int,
        load: Load,
        device: str = "cpu",
        descent: Descent | None = None,
    ) -> None:
        self.total = total
        self.most = _MOST_TICKS  # of a slice
        self._records = records
        self._position = position
        self._load = load
        self._device = device
        self._descent = descent
        self._seq = position.seq  # of the last record that was applied

    @property
    def at(self) -> int:
        """Return the number of the last record that was applied."""
        return self._seq

    @property
    def done(self) -> int:
        return self._seq - self._position.seq

    @property
    def left(self) -> int:
        return self.total - self.done

    def run(self, replica: Replica) -> Iterator[int]:
        """Apply all records; yield after every slice how many ticks it had. Raises JournalDamaged and StoreError."""
        for batch in _batches(self._records()):
            waiting = deque(
                self._entry(seq, record, replica) for seq, record in batch if isinstance(record, EntryRecord)
            )
            while waiting:
                yield self._apply(next_slice(waiting, self.most), replica)
                while waiting and waiting[0].is_done:
                    self._seq = max(self._seq, waiting.popleft().seq)
            if batch:
                self._seq = max(self._seq, batch[-1][0])

    def _entry(self, seq: int, record: EntryRecord, replica: Replica) -> Entry:
        entry = Entry.of_record(seq, record, replica.learner.interface)
        if seq == self._position.half:
            entry.done = self._position.done
        return entry

    def _apply(self, taken: Slice, replica: Replica) -> int:
        first = taken[0][0]
        try:
            fetch(first, self._load, self._device, self._descent)
            replica.apply(taken)
        except (OutOfOrder, ValueError) as error:
            raise JournalDamaged(f"journal record {first.seq} {error}") from error
        for entry, _ in taken:
            entry.outputs.clear()  # nobody reads them
        return sum(ticks for _, ticks in taken)


def fetch(entry: Entry, load: Load, device: str, descent: Descent | None = None) -> None:
    """Load the snapshots and the parents that an entry needs, of a child by its `descent`.

    Raises JournalDamaged, or ValueError for another version's.
    """
    match entry.record:
        case RestoreRecord(snapshot=ref):
            data, memory = load(entry.seq, ref)
            checkpoint = Checkpoint.from_bytes(data)
            entry.learner = from_checkpoint(checkpoint, device, parent_of(checkpoint, descent))
            state = ServiceState.from_bytes(memory) if memory else None
            if state is not None and entry.record.job is None:
                entry.chronicle, entry.sessions = state.chronicle, Sessions(entry.learner, state.sessions)
            elif state is not None:  # sessions that others had elsewhere are not those of this server's clients
                entry.chronicle, entry.lived = state.chronicle, state
        case WeightUpdateRecord(fitted=fitted, fork=fork):
            base = None if fork is None else load(entry.seq, fork)[0]
            entry.update = update_of(load(entry.seq, fitted)[0], base)
        case MergeRecord(merged=merged, own=own):
            before = None if own is None else load(entry.seq, own)[0]
            entry.update = lines_update_of(load(entry.seq, merged)[0], before)
        case RebaseRecord(parent=sha256):
            if descent is None:
                raise ValueError("is of a child, and this net is none")
            entry.parent = descent.find(sha256)


def _batches(records: Iterable[tuple[int, Record]]) -> Iterator[list[tuple[int, Record]]]:
    batch: list[tuple[int, Record]] = []
    ticks = 0
    for seq, record in records:
        batch.append((seq, record))
        ticks += record.ticks if isinstance(record, TickedRecord) else 0
        if len(batch) == _READ_RECORDS or ticks >= _READ_TICKS:
            yield batch
            batch, ticks = [], 0
    yield batch
