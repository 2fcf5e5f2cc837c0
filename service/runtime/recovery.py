"""How a server starts: the newest good snapshot, and what the journal has after it. Nothing is lived through here."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from service.errors import NotFound
from service.journal.codec import JournalDamaged, JournalScan, encode_record, read_from, scan
from service.journal.position import JournalPosition
from service.journal.records import NoteRecord, OriginRecord, SnapshotRef
from service.replica.learner import Learner
from service.replica.progress import Progress, ServiceState
from service.replica.replay import Replay
from service.replica.weight_update import WeightUpdate
from service.runtime.birth import Birth
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.revive import newest_good, revive
from service.snapshots.snapshot import Snapshot, SnapshotDamaged
from service.store.base import Log

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Recovered:
    """`last` is the journal's last record; without a journal there is nothing to replay."""

    learner: Learner
    ledger: Progress
    last: int = 0
    replay: Replay | None = None
    pinned: set[str] = field(default_factory=set)


async def recover(
    catalog: SnapshotCatalog, log: Log | None, device: str, birth: Birth, create: Callable[[Birth], Learner]
) -> Recovered:
    """Raises StoreError, SnapshotDamaged, and JournalDamaged where what is left is not enough, or not certain.

    `birth` is what a new net is born with; one that the journal began with is born again as it was.
    """
    found, damaged = await newest_good(catalog, device)
    if found is None:
        snapshot = learner = memory = None
    else:
        snapshot, learner, remembered = found
        memory = _memory(snapshot, remembered)
    ledger = Progress.of(memory)
    plasticity = True if memory is None else memory.plasticity
    if log is None:
        born = await asyncio.to_thread(create, birth) if learner is None else learner
        return Recovered(born, ledger, 0, Replay(list, JournalPosition(0), plasticity=plasticity))
    covered = 0 if memory is None or memory.place is None else memory.place.seq
    journal = await asyncio.to_thread(_looked_through, log, covered)
    place = _place(snapshot, memory, journal, damaged)
    if place is None:  # the journal has nothing to do with this snapshot
        if journal.last:
            _logger.warning("the journal is older than the newest snapshot, which was taken without one: it is dropped")
        await asyncio.to_thread(log.clear)
        first = journal.last + 1
        begun = OriginRecord(snapshot.id if snapshot else None, {} if snapshot else birth)
        await asyncio.to_thread(log.append, first, encode_record(first, begun), True)
        journal, place = JournalScan(first, first, begun), JournalPosition(first)
    elif journal.last < place.seq:  # its end was lost, but is in the snapshot
        if journal.last:
            _logger.warning("the journal ends at record %d, the snapshot at %d", journal.last, place.seq)
        elif snapshot is not None:  # a journal always has a record: it was removed, or emptied
            missing = "snapshot %s ends at record %d, and there is no journal: what was learnt after that is lost"
            _logger.error(missing, snapshot.id, place.seq)
        await asyncio.to_thread(log.clear)
        first = place.seq + 1
        note = encode_record(first, NoteRecord("the records before this one are in a snapshot only"))
        await asyncio.to_thread(log.append, first, note, True)
        journal = JournalScan(first, first)
    if learner is None:
        assert journal.begun is not None
        learner = await asyncio.to_thread(create, journal.begun.birth)
    replay = Replay(
        lambda: read_from(log.read(place.seq), place.seq + 1),
        place,
        journal.last - place.seq,
        refused=journal.refused,
        plasticity=plasticity,
    )
    recovered = Recovered(learner, ledger, journal.last, replay)
    if journal.restored is not None and journal.restored[0] > place.seq:
        await _begin_with_the_restored(recovered, replay, catalog, journal, device)
    await _load_what_came_home(recovered, replay, catalog, journal)
    return recovered


async def _begin_with_the_restored(
    recovered: Recovered, replay: Replay, catalog: SnapshotCatalog, journal: JournalScan, device: str
) -> None:
    assert journal.restored is not None
    replay.restored, record = journal.restored
    replay.after = record.after
    needed = await _needed(recovered, catalog, replay.restored, SnapshotRef(record.snapshot, record.sha256))
    recovered.learner = await revive(*needed, device)


async def _load_what_came_home(
    recovered: Recovered, replay: Replay, catalog: SnapshotCatalog, journal: JournalScan
) -> None:
    for seq, record in journal.adopted:
        if seq > max(replay.place.seq, replay.after):
            _, fitted = await _needed(recovered, catalog, seq, record.fitted)
            fork = None if record.fork is None else (await _needed(recovered, catalog, seq, record.fork))[1]
            replay.adoptions[seq] = await asyncio.to_thread(WeightUpdate.of, fitted, fork)


async def _needed(
    recovered: Recovered, catalog: SnapshotCatalog, seq: int, named: SnapshotRef
) -> tuple[Snapshot, bytes]:
    """What a record names, which stays until the next one is saved. Raises JournalDamaged."""
    where = f"journal record {seq} needs snapshot {named.id}"
    try:
        snapshot, data = await catalog.get(named.id), await catalog.read(named.id)
    except NotFound:
        raise JournalDamaged(f"{where}, which is gone") from None
    except SnapshotDamaged as error:
        raise JournalDamaged(f"{where}, and {error}") from error
    if snapshot.sha256 != named.sha256:
        raise JournalDamaged(f"{where}, which is another one now")
    recovered.pinned.add(named.id)
    return snapshot, data


def _looked_through(log: Log, covered: int) -> JournalScan:
    journal = scan(log.read(), covered)
    for damage in journal.harmless:
        _logger.error("%s; nothing of that is needed, the snapshot holds all up to record %d", damage, covered)
    if journal.torn is not None:
        block, offset, count = journal.torn
        if journal.spoilt:
            why = "it was damaged, or the power failed while it was written; it is lost"
            _logger.error("journal %s: record %d has the wrong checksum: %s", block, journal.spoilt, why)
        _logger.warning("journal %s was cut short: its last %d bytes, after record %d, are no whole record and dropped",
                        block, count, journal.last)  # fmt: skip
        log.cut(block, offset)
    return journal


def _place(
    snapshot: Snapshot | None, memory: ServiceState | None, journal: JournalScan, damaged: list[SnapshotDamaged]
) -> JournalPosition | None:
    """From where the journal goes on with the snapshot, or with a birth. None: from nowhere."""
    begun = journal.begun
    if snapshot is None:
        if begun is not None and begun.snapshot is None:
            return JournalPosition(journal.first)
        if journal.last:
            raise JournalDamaged(
                f"no snapshot is good, and the journal begins at record {journal.first}: restore one from a copy, "
                "or take the journal away to begin anew"
            )
        return None
    if memory is not None and memory.place is not None:
        if journal.last and journal.first > memory.place.seq + 1:
            raise JournalDamaged(
                f"the journal begins at record {journal.first}, and snapshot {snapshot.id} ends at {memory.place.seq}: "
                "restore a newer one from a copy, or take the journal away to go on from this one"
            )
        return memory.place
    if begun is not None and begun.snapshot == snapshot.id:
        return JournalPosition(journal.first)
    if journal.last and damaged:
        raise JournalDamaged(f"{damaged[0]}, and the journal does not begin with snapshot {snapshot.id}")
    return None


def _memory(snapshot: Snapshot, data: bytes) -> ServiceState | None:
    if not data:
        return None
    try:
        return ServiceState.from_bytes(data)
    except ValueError as error:
        raise SnapshotDamaged(snapshot.id, f"its memory of clients is of another version: {error}") from error
