"""A look through a whole journal: is it what was written, and what does a start need of it?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from service.journal.codec import JournalDamaged, spoilt_record, whole_records
from service.journal.records import (
    MergeRecord,
    OriginRecord,
    RebaseRecord,
    Record,
    RestoreRecord,
    SnapshotRef,
    UnorderedRestoreRecord,
    WeightUpdateRecord,
)
from service.store.base import Block

_ADVICE = ": nothing was changed; restore it from a copy, or cut it there to go on without what follows"


@dataclass(slots=True)
class JournalScan:
    """What a whole journal holds.

    Attributes:
        first, last: numbers of its records; 0 where there are none.
        origin: what the net was before the first record, if that says so.
        snapshots: those that records after `after` name.
        unordered: the restores of older versions, by number.
        torn: the block that ends in no whole record, from which byte on, and how many bytes those are.
        spoilt: the number of the record that the torn end begins with, if all of its bytes are there; else 0.
        harmless: damage among records up to `after`, which are in the snapshot.
        parent: the hash of the parent that a child went over to last, after `after`.
    """

    first: int = 0
    last: int = 0
    origin: OriginRecord | None = None
    snapshots: set[str] = field(default_factory=set)
    unordered: list[tuple[int, UnorderedRestoreRecord]] = field(default_factory=list)
    torn: tuple[str, int, int] | None = None
    spoilt: int = 0
    harmless: list[str] = field(default_factory=list)
    parent: str | None = None


def scan(blocks: Iterable[Block], after: int = 0) -> JournalScan:
    """Check every record with a number greater than `after`; damage before is only reported. Raises JournalDamaged.

    Behind damage a record is looked for by its mark, and what is found might be a part of another's body. That does no
    harm: it would have no number after `after`, or what follows it would not be whole or not follow it.
    """
    judge = _Judge(after)
    for block in blocks:
        if block.data:  # else it was begun, and never written to
            judge.see(block)
    return judge.verdict()


def read_from(blocks: Iterable[Block], seq: int) -> Iterator[tuple[int, Record]]:
    """Yield the records with this number or a greater one, of a journal that was scanned."""
    for block in blocks:
        for number, record, _, _ in whole_records(block.data):
            if number >= seq:
                yield number, record


class _Judge:
    def __init__(self, after: int) -> None:
        self._after = after
        self._found = JournalScan()
        self._damage = ""  # between the last whole record and the next

    def see(self, block: Block) -> None:
        found = self._found
        if found.torn is not None:
            self._suspect(_damage(*found.torn[:2], found.last, f"{block.name} follows"))
        found.torn, found.spoilt, end, is_searched = None, 0, 0, False
        for seq, record, start, record_end in whole_records(block.data):
            if start > end:
                is_searched = True
                self._suspect(_damage(block.name, end, found.last, "whole records follow"))
            elif found.last and seq != found.last + 1:
                gap = f"record {seq} follows record {found.last}, those between are missing"
                self._suspect(f"journal {block.name}: {gap}")
            self._judge(seq)
            self._note(seq, record)
            end = record_end
        if end < len(block.data):
            found.torn = block.name, end, len(block.data) - end
            found.spoilt = spoilt_record(block.data, end)
            if is_searched and found.last > self._after:
                self._damage = _damage(block.name, end, found.last, "was so before")

    def verdict(self) -> JournalScan:
        if self._damage:
            raise JournalDamaged(self._damage + _ADVICE)
        return self._found

    def _suspect(self, damage: str) -> None:
        self._damage = self._damage or damage

    def _judge(self, seq: int) -> None:
        """Decide on the damage before record `seq`: all that it may have hit must be in the snapshot."""
        if not self._damage:
            return
        if not self._found.last < seq <= self._after + 1:
            raise JournalDamaged(self._damage + _ADVICE)
        self._found.harmless.append(self._damage)
        self._damage = ""

    def _note(self, seq: int, record: Record) -> None:
        found = self._found
        found.first, found.last = found.first or seq, seq
        match record:
            case OriginRecord() if seq == found.first:
                found.origin = record
            case UnorderedRestoreRecord() if seq > self._after:
                found.unordered.append((seq, record))
                found.snapshots.add(record.snapshot)
            case RebaseRecord() if seq > self._after:
                found.parent = record.parent
            case _ if seq > self._after:
                found.snapshots |= {each.id for each in named_in(record)}


def named_in(record: Record) -> list[SnapshotRef]:
    """Return the snapshots without which a record cannot be applied."""
    match record:
        case RestoreRecord():
            return [record.snapshot]
        case WeightUpdateRecord():
            return [each for each in (record.fitted, record.fork) if each is not None]
        case MergeRecord():
            return [each for each in (record.merged, record.own) if each is not None]
    return []


def _damage(block: str, offset: int, last: int, what: str) -> str:
    return f"journal {block} is damaged at byte {offset}, after record {last}, and {what}"
