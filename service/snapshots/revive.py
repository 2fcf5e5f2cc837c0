"""Learners made from snapshots."""

import asyncio
import logging

from realnet import Checkpoint, from_checkpoint
from realnet.learners import Learner
from service.replica.birth import Descent
from service.replica.rebasing import parent_of
from service.replica.replica import ServiceState
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.snapshot import Snapshot, SnapshotDamaged

_logger = logging.getLogger(__name__)


async def newest_good(
    catalog: SnapshotCatalog, device: str
) -> tuple[tuple[Snapshot, Learner, bytes] | None, list[SnapshotDamaged]]:
    """Return the newest good snapshot, its learner and its memory, and the damage of newer ones, also logged."""
    found, damaged = await catalog.newest_good()
    for error in damaged:
        _logger.error("%s; the one before it is taken", error)
    if found is None:
        if damaged:
            _logger.error("no snapshot is good")
        return None, damaged
    snapshot, data = found
    learner = await revive(snapshot, data, device, catalog.descent)
    _logger.info("restored snapshot %s, tick %d", snapshot.id, snapshot.tick)
    return (snapshot, learner, await catalog.memory(snapshot.id)), damaged


async def revive(snapshot: Snapshot, data: bytes, device: str, descent: Descent | None) -> Learner:
    """Return the learner that is in the bytes of a snapshot, of a child with the parent that it is over.

    Raises SnapshotDamaged for one of another version, or of a parent that is another's or gone.
    """

    def revived() -> Learner:
        checkpoint = Checkpoint.from_bytes(data)
        return from_checkpoint(checkpoint, device, parent_of(checkpoint, descent))

    try:
        return await asyncio.to_thread(revived)
    except ValueError as error:
        raise SnapshotDamaged(snapshot.id, str(error)) from error


def state_of(snapshot: Snapshot, data: bytes) -> ServiceState | None:
    """Read what was remembered beside a snapshot, if anything was. Raises SnapshotDamaged for another version's."""
    if not data:
        return None
    try:
        return ServiceState.from_bytes(data)
    except ValueError as error:
        raise SnapshotDamaged(snapshot.id, f"its memory of clients is of another version: {error}") from error
