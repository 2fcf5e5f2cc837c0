"""Put what an older snapshot of a child was over the parent that the child has now."""

import asyncio

import msgspec

from realnet.dendrites.child import ChildNet
from realnet.learners import Learner
from service.errors import Conflict
from service.replica.rebasing import rebased
from service.replica.replica import ServiceState
from service.replica.sessions import Sessions, state_sha256
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.snapshot import Snapshot, SnapshotDamaged

_MOVED = "rebase"  # the `job` of such snapshots


async def over_the_parent(
    catalog: SnapshotCatalog, snapshot: Snapshot, learner: Learner, state: ServiceState | None
) -> tuple[Snapshot, ServiceState | None]:
    """Return the snapshot that a learner is of, and its state; where it is over another parent, one over that of now.

    So the journal names no snapshot over a parent that the child has no more. Changes the learner. Raises Conflict,
    SnapshotDamaged or StoreError.
    """
    descent = catalog.descent
    if descent is None or not isinstance(learner.net, ChildNet) or learner.net.parent.sha256 == descent.parent.sha256:
        return snapshot, state
    parent = descent.parent
    try:
        sessions = Sessions(learner, [] if state is None else state.sessions)
    except ValueError as error:
        raise SnapshotDamaged(snapshot.id, f"a session of it is not of its net: {error}") from error

    def moved() -> tuple[bytes, str]:
        if (why := rebased(learner, sessions, parent)) is not None:
            raise Conflict(f"snapshot {snapshot.id} cannot be put over the parent that the net has now: {why}")
        checkpoint = learner.checkpoint()
        return checkpoint.to_bytes(), state_sha256(checkpoint, sessions.state())

    data, digest = await asyncio.to_thread(moved)
    state = None if state is None else msgspec.structs.replace(state, sessions=sessions.state())
    memory = b"" if state is None else state.to_bytes()
    made = await catalog.save(data, learner.net.tick, digest, memory, job=_MOVED, parent=parent.sha256)
    return made, state
