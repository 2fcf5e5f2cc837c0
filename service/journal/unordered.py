"""Put the restores of older versions into order: their journals are read as if the restore had been an ordinary record.

Those versions restored a net at once, and what waited then was run on the restored net: an `UnorderedRestoreRecord`
stands behind inputs that were learnt after it. It takes effect after its record `after`.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from service.journal.position import JournalPosition
from service.journal.records import (
    ChangeRecord,
    EpisodeRecord,
    IdleRecord,
    InputRecord,
    Record,
    RestoreRecord,
    SnapshotRef,
    UnorderedRestoreRecord,
    WeightUpdateRecord,
)

ANY_TICK = -1  # of a record that enters at whatever tick the net is at

Restores = Sequence[tuple[int, UnorderedRestoreRecord]]


def begin_before(position: JournalPosition, restores: Restores) -> JournalPosition:
    """Return where to begin so that restores behind `position` are met in their order."""
    after = [record.after for seq, record in restores if seq > position.seq]
    return JournalPosition(after[0]) if after and after[0] <= position.seq else position


def in_order(records: Iterable[tuple[int, Record]], restores: Restores) -> Iterator[tuple[int, Record]]:
    """Yield records with each restore where it took effect, under its own number."""
    waiting = deque(restores)
    refused = {record.refused for _, record in restores}
    until = 0  # records before this one waited when the net was restored
    for seq, record in records:
        while waiting and waiting[0][1].after < seq:
            until, restore = waiting.popleft()
            yield until, RestoreRecord(SnapshotRef(restore.snapshot, restore.sha256))
        if isinstance(record, UnorderedRestoreRecord) or seq in refused:
            continue
        yield seq, _as_run_after(record) if seq < until else record


def _as_run_after(record: Record) -> Record:
    """Return a record as it took effect on the restored net: at once, and at that net's own learning rate."""
    match record:
        case InputRecord() | IdleRecord() | EpisodeRecord() | WeightUpdateRecord():
            return msgspec.structs.replace(record, tick=ANY_TICK)
        case ChangeRecord():
            return msgspec.structs.replace(record, learning_rate=None)
    return record
