"""What came after the snapshot, lived through again: the journal in large batches, at the kernel's speed."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from service.journal.codec import JournalDamaged
from service.journal.position import JournalPosition
from service.journal.records import ChangeRecord, EpisodeRecord, InputRecord, Record, TickedRecord, WeightUpdateRecord
from service.replica.entry import Entry, next_slice, run_slice
from service.replica.learner import Learner
from service.replica.progress import Progress
from service.replica.weight_update import WeightUpdate

_BATCH_TICKS = 4096
_READ_RECORDS, _READ_TICKS = 4096, 2**16  # at once, at most, and a record more
_SAY_SECONDS = 5.0
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Replay:
    """The records after `place`, `total` of them.

    If the net was restored since, its learner is that of the restored snapshot: inputs up to record `after` are in it
    or were given up with it, and those up to record `restored` entered at once, not at the tick they were written with.
    """

    records: Callable[[], Iterable[tuple[int, Record]]]
    place: JournalPosition
    total: int = 0
    after: int = 0
    restored: int = 0
    refused: set[int] = field(default_factory=set)
    adoptions: dict[int, WeightUpdate] = field(default_factory=dict)  # by record
    plasticity: bool = True
    seq: int = 0  # where it is

    @property
    def done(self) -> int:
        return max(0, self.seq - self.place.seq)

    @property
    def left(self) -> int:
        return self.total - self.done

    def run(self, learner: Learner, ledger: Progress) -> Iterator[int]:
        """Yields after every batch how many ticks it had. Raises JournalDamaged, and StoreError."""
        self.seq = self.place.seq
        began = said_at = time.monotonic()
        if self.total:
            _logger.info("reading the journal: %d records after record %d", self.total, self.place.seq)
        with _bar(self.total) as show:
            for batch in _batches(self.records()):
                for ticks in self._live(learner, ledger, batch):
                    show(self.done)
                    yield ticks
                if time.monotonic() - said_at > _SAY_SECONDS:
                    said_at = time.monotonic()
                    _logger.info("reading the journal: %d%%, tick %d", 100 * self.done // self.total, learner.net.tick)
        if self.total:
            seconds = time.monotonic() - began
            _logger.info("the journal is read, in %.1f s: record %d, tick %d", seconds, self.seq, learner.net.tick)

    def _live(self, learner: Learner, ledger: Progress, batch: list[tuple[int, Record]]) -> Iterator[int]:
        works: list[Entry] = []
        for seq, record in batch:
            if isinstance(record, TickedRecord):
                if isinstance(record, InputRecord | EpisodeRecord) and seq <= self.after and seq not in self.refused:
                    ledger.note(record, record.tick + record.ticks)
                if seq > self.after:
                    if works and not self._follows(works[-1], seq, record):
                        yield from self._run(learner, ledger, works)
                    works.append(Entry.of_record(seq, record, learner))
            elif isinstance(record, WeightUpdateRecord):
                yield from self._run(learner, ledger, works)
                if seq <= self.after or self.adoptions[seq].by(learner):
                    ledger.note(record, learner.net.tick)
            elif isinstance(record, ChangeRecord):
                yield from self._run(learner, ledger, works)
                self._change(learner, seq, record)
            self.seq = seq
        yield from self._run(learner, ledger, works)

    def _follows(self, last: Entry, seq: int, record: TickedRecord) -> bool:
        """Whether no tick was only counted between."""
        if last.ticket.seq < self.restored < seq:
            return False
        return seq < self.restored or record.tick == last.record.tick + last.record.ticks

    def _run(self, learner: Learner, ledger: Progress, works: list[Entry]) -> Iterator[int]:
        """All of these, which follow each other; then there are none."""
        if not works:
            return
        first = works[0]
        if first.ticket.seq == self.place.half and not self.restored:
            first.done = self.place.done
        elif first.ticket.seq >= self.restored:
            if first.record.tick < learner.net.tick:
                tick = learner.net.tick
                raise JournalDamaged(
                    f"journal record {first.ticket.seq} enters after tick {first.record.tick}, and the net is at {tick}"
                )
            learner.rest(first.record.tick - learner.net.tick)
        at = 0
        while at < len(works):
            parts = next_slice(islice(works, at, None), _BATCH_TICKS)
            tick = learner.net.tick
            lived = len(run_slice(learner, parts))
            for work, count in parts:
                work.done += count
                tick += count
                if not work.left:
                    at += 1
                    if isinstance(work.record, InputRecord | EpisodeRecord):
                        ledger.note(work.record, tick)
            yield lived
        works.clear()

    def _change(self, learner: Learner, seq: int, record: ChangeRecord) -> None:
        if record.learning_rate is not None and seq > self.restored:
            learner.net.learning_rate = record.learning_rate
        if record.plasticity is not None:
            self.plasticity = record.plasticity


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


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """Of the records, on a terminal; elsewhere the log says how far it is."""
    if not total or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # takes a tenth of a second
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading the journal", total=total)
        yield lambda done: progress.update(task, completed=done)
