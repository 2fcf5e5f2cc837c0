"""Relive in a process of its own: `python -m service.jobs.relive_worker DIRECTORY`; `service.jobs.worker` is its frame.

In the directory there are the `journal`, a snapshot's data and memory for each id that is needed, and `options.json`:
where to begin and where to end. The net that comes out becomes `made.safetensors`, and what it can tell of its life
`made.memory`.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from realnet import Checkpoint, from_checkpoint
from service.jobs.process import JOURNAL, MADE, MEMORY, OPTIONS
from service.jobs.worker import Reports, work
from service.journal.codec import JournalDamaged
from service.journal.copies import records_of
from service.journal.position import JournalPosition
from service.journal.records import OriginRecord, Record, SnapshotRef, TickedRecord
from service.replica.birth import newborn
from service.replica.entry import Entry
from service.replica.replay import Replay
from service.replica.replica import OutOfOrder, Replica, ServiceState
from service.replica.sessions import state_sha256

_SLICE_TICKS = 4096


class _Copy:
    """What the directory has of a life."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.plan = json.loads((directory / OPTIONS).read_text())
        self.begin, self.end = (JournalPosition(*self.plan[name]) for name in ("begin", "end"))

    def records(self, first: int, last: int) -> Iterator[tuple[int, Record]]:
        """Yield the records from one to another. Raises JournalDamaged where the last is missing."""
        seq = 0
        with (self._directory / JOURNAL).open("rb") as file:
            for seq, record in records_of(file):
                if seq > last:
                    return
                if seq >= first:
                    yield seq, record
        if seq < last:
            raise JournalDamaged(f"the journal ends at record {seq}, and the life at {last}")

    def load(self, seq: int, ref: SnapshotRef) -> tuple[bytes, bytes]:
        data, memory = self.snapshot(ref.id)
        if hashlib.sha256(data).hexdigest() != ref.sha256:
            raise JournalDamaged(f"journal record {seq} needs snapshot {ref.id}, which is another one now")
        return data, memory

    def snapshot(self, id: str) -> tuple[bytes, bytes]:
        return tuple((self._directory / f"{id}.{what}").read_bytes() for what in ("safetensors", "memory"))  # type: ignore[return-value]

    def replica(self) -> Replica:
        """Return the net where the life begins."""
        device = self.plan["device"]
        if (id := self.plan["snapshot"]) is not None:
            data, memory = self.snapshot(id)
            return Replica(
                from_checkpoint(Checkpoint.from_bytes(data), device),
                ServiceState.from_bytes(memory) if memory else None,
            )
        [(_, origin)] = self.records(self.begin.seq, self.begin.seq)
        assert isinstance(origin, OriginRecord)
        state = ServiceState(plasticity=True, born_at=origin.at)
        return Replica(newborn(origin.birth, device), state)


def _relive(directory: Path, reports: Reports) -> dict[str, Any]:
    copy = _Copy(directory)
    replica, begin, end = copy.replica(), copy.begin, copy.end
    replica.learner.warm_up()
    seen, began = 0, time.monotonic()

    def records() -> Iterator[tuple[int, Record]]:
        return copy.records(begin.seq + 1, end.seq)

    replay = Replay(records, begin, end.seq - begin.seq, copy.load, copy.plan["device"])
    try:
        for ticks in replay.run(replica):
            seen += ticks
            speed = seen / max(time.monotonic() - began, 1e-3)
            reports({"progress": replay.done / max(1, replay.total), "tokens_per_second": round(speed)})
        seen += _go_on(replica, copy)
        replica.rest(copy.plan["tick"] - replica.learner.net.tick)
    except (JournalDamaged, OutOfOrder) as error:
        raise ValueError(error) from error
    seconds = time.monotonic() - began
    checkpoint = replica.learner.checkpoint()
    (directory / MADE).write_bytes(checkpoint.to_bytes())
    (directory / MEMORY).write_bytes(replica.state(None).to_bytes())
    return {
        "state_sha256": state_sha256(checkpoint, replica.sessions.state()),
        "records": end.seq - begin.seq,
        "ticks_relived": seen,
        "seconds": round(seconds, 3),
        "tokens_per_second": round(seen / max(seconds, 1e-3)) if seen else None,
    }


def _go_on(replica: Replica, copy: _Copy) -> int:
    """Live through the beginning of the record in whose middle the life ends, if it does; return how many ticks."""
    begin, end = copy.begin, copy.end
    if not end.done:
        return 0
    [(seq, record)] = copy.records(end.half, end.half)
    assert isinstance(record, TickedRecord)
    entry = Entry.of_record(seq, record, replica.learner.interface)
    first = entry.done = begin.done if begin.half == end.half else 0
    while entry.done < end.done:
        replica.apply([(entry, min(_SLICE_TICKS, end.done - entry.done))])
        entry.outputs.clear()
    return end.done - first


if __name__ == "__main__":
    work(_relive)
