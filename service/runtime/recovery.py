"""How a net starts: the newest good snapshot, and what the journal has after it. Nothing is applied here."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from realnet.dendrites.child import ChildNet
from realnet.learners import Learner
from service.errors import NotFound
from service.journal.codec import JournalDamaged, encode_record
from service.journal.position import JournalPosition
from service.journal.records import NoteRecord, OriginRecord, Record, SnapshotRef
from service.journal.scan import JournalScan, read_from, scan
from service.journal.unordered import begin_before, in_order
from service.replica.birth import Birth, Descent
from service.replica.replay import Load, Replay
from service.replica.replica import Replica, ServiceState
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.revive import newest_good, state_of
from service.snapshots.snapshot import Snapshot, SnapshotDamaged
from service.store.base import Log, StoreError

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Recovered:
    """What an engine starts with.

    Attributes:
        replica: as of the snapshot, or newborn.
        last: the number of the journal's last record.
        replay: what is still to be applied; None without a journal.
        pinned: the snapshots that the replay needs.
        parent: the hash of what a child will be over when all is applied.
        is_rebased: it goes over to it in the replay.
    """

    replica: Replica
    last: int = 0
    replay: Replay | None = None
    pinned: set[str] = field(default_factory=set)
    parent: str | None = None
    is_rebased: bool = False


class NothingToFollow(StoreError):
    """The store has no net yet, or none that goes with its journal."""


async def recover(
    catalog: SnapshotCatalog,
    log: Log | None,
    device: str,
    birth: Birth,
    create: Callable[[Birth], Learner],
    follows: bool = False,
    least: int = 0,
) -> Recovered:
    """Find what a net starts with.

    `birth` is what a new net is created from; one that the journal began with is created again as it was. Raises
    StoreError, SnapshotDamaged, and JournalDamaged where what is left is not enough, or not certain.

    Of a server that `follows` nothing is written: what another one would write first is raised as NothingToFollow, and
    so is a newest snapshot from before record `least`.
    """
    found, damaged = await newest_good(catalog, device)
    load = loader(catalog)
    told = log, device, birth, create, follows, least
    return await asyncio.to_thread(_recovered, found, damaged, catalog.descent, load, *told)


def _recovered(
    found: tuple[Snapshot, Learner, bytes] | None,
    damaged: list[SnapshotDamaged],
    descent: Descent | None,
    load: Load,
    log: Log | None,
    device: str,
    birth: Birth,
    create: Callable[[Birth], Learner],
    follows: bool,
    least: int,
) -> Recovered:
    """Find what a net starts with that has this snapshot, or none, all as in `recover`."""
    snapshot = learner = state = None
    if found is not None:
        snapshot, learner, stored = found
        state = state_of(snapshot, stored)
    if least and (state is None or state.place is None or state.place.seq < least):
        raise NothingToFollow(f"there is no snapshot yet that was made after record {least} of the journal")
    if log is None:
        newborn = create(birth) if learner is None else learner
        return Recovered(Replica(newborn, state or _newborn(time.time())), parent=_parent_of(newborn))
    position = None if state is None else state.place
    journal = scanned(log, 0 if position is None else position.seq, not follows)
    start = _start(snapshot, position, journal, damaged)
    if follows and (start is None or journal.last < start.seq):
        raise NothingToFollow("there is no net in this store that could be followed: start its leader first")
    if start is None:  # the journal has nothing to do with this snapshot
        if journal.last:
            _logger.warning("the journal is older than the newest snapshot, which was taken without one: it is dropped")
        if learner is None:  # before the record of its birth is written: no other start could get past one that fails
            learner = create(birth)
        origin = OriginRecord(snapshot.id if snapshot else None, {} if snapshot else birth, time.time())
        state = state or _newborn(origin.at)
        journal = _begun_anew(log, journal.last + 1, origin)
        start = JournalPosition(journal.last)
    elif journal.last < start.seq:  # its end was lost, but is in the snapshot
        if journal.last:
            _logger.warning("the journal ends at record %d, the snapshot at %d", journal.last, start.seq)
        elif snapshot is not None:  # a journal always has a record: it was removed, or emptied
            missing = "snapshot %s ends at record %d, and there is no journal: what was learnt after that is lost"
            _logger.error(missing, snapshot.id, start.seq)
        note = NoteRecord("the records before this one are in a snapshot only")
        journal = _begun_anew(log, start.seq + 1, note)
    if learner is None:
        assert journal.origin is not None, "without a snapshot a journal begins with a birth"
        learner = create(journal.origin.birth)
        state = _newborn(journal.origin.at)
    start = begin_before(start, journal.unordered)

    def records() -> Iterator[tuple[int, Record]]:
        """Return what the journal had when it was looked through: another server may write to it."""
        if journal.last <= start.seq:
            return iter(())
        behind = read_from(log.read(start.seq), start.seq + 1)
        return in_order(takewhile(lambda each: each[0] <= journal.last, behind), journal.unordered)

    replay = Replay(records, start, journal.last - start.seq, load, device, descent)
    parent, is_rebased = journal.parent or _parent_of(learner), journal.parent is not None
    return Recovered(Replica(learner, state), journal.last, replay, journal.snapshots, parent, is_rebased)


def loader(catalog: SnapshotCatalog) -> Load:
    """Return what loads a snapshot for a replay, on any thread but this loop's."""
    loop = asyncio.get_running_loop()

    async def load(seq: int, ref: SnapshotRef) -> tuple[bytes, bytes]:
        where = f"journal record {seq} needs snapshot {ref.id}"
        try:
            snapshot, data = await catalog.get(ref.id), await catalog.read(ref.id)
            memory = await catalog.memory(ref.id)
        except NotFound:
            raise JournalDamaged(f"{where}, which is gone") from None
        except SnapshotDamaged as error:
            raise JournalDamaged(f"{where}, and {error}") from error
        if snapshot.sha256 != ref.sha256:
            raise JournalDamaged(f"{where}, which is another one now")
        return data, memory

    return lambda seq, ref: asyncio.run_coroutine_threadsafe(load(seq, ref), loop).result()


def _parent_of(learner: Learner) -> str | None:
    return learner.net.parent.sha256 if isinstance(learner.net, ChildNet) else None


def _newborn(born_at: float) -> ServiceState:
    return ServiceState(plasticity=True, born_at=born_at)


def scanned(log: Log, covered: int, cuts: bool = True) -> JournalScan:
    """Look through a journal, of which records up to `covered` are in a snapshot, and cut what is torn at its end.

    Raises JournalDamaged and StoreError.
    """
    journal = scan(log.read(), covered)
    for damage in journal.harmless:
        _logger.error("%s; nothing of that is needed, the snapshot holds all up to record %d", damage, covered)
    if journal.torn is not None and cuts:
        block, offset, count = journal.torn
        if journal.spoilt:
            why = "it was damaged, or the power failed while it was written; it is lost"
            _logger.error("journal %s: record %d has the wrong checksum: %s", block, journal.spoilt, why)
        _logger.warning("journal %s was cut short: its last %d bytes, after record %d, are no whole record and dropped",
                        block, count, journal.last)  # fmt: skip
        log.cut(block, offset)
    return journal


def _begun_anew(log: Log, seq: int, first: OriginRecord | NoteRecord) -> JournalScan:
    log.clear()
    log.append(seq, encode_record(seq, first), True)
    return JournalScan(seq, seq, first if isinstance(first, OriginRecord) else None)


def _start(
    snapshot: Snapshot | None, position: JournalPosition | None, journal: JournalScan, damaged: list[SnapshotDamaged]
) -> JournalPosition | None:
    """Return the position to replay from; None if this journal does not belong to the snapshot.

    `position` is the snapshot's own, None if it was taken without a journal. Raises JournalDamaged.
    """
    origin = journal.origin
    if snapshot is None:
        if origin is not None and origin.snapshot is None:
            return JournalPosition(journal.first)
        if journal.last:
            raise JournalDamaged(
                f"no snapshot is good, and the journal begins at record {journal.first}: restore one from a copy, "
                "or take the journal away to begin anew"
            )
        return None
    if position is not None:
        if journal.last and journal.first > position.seq + 1:
            raise JournalDamaged(
                f"the journal begins at record {journal.first}, and snapshot {snapshot.id} ends at {position.seq}: "
                "restore a newer one from a copy, or take the journal away to go on from this one"
            )
        return position
    if origin is not None and origin.snapshot == snapshot.id:
        return JournalPosition(journal.first)
    if journal.last and damaged:
        raise JournalDamaged(f"{damaged[0]}, and the journal does not begin with snapshot {snapshot.id}")
    return None
