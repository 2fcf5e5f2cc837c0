"""What a net last had in common with those that it may merge with, and what it tells them of itself."""

import asyncio

from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.merge import NOTHING, sha256_of, share_of
from realnet.dendrites.share import Lines
from service.aio import in_thread
from service.engine.engine import Engine
from service.errors import Conflict, NotFound
from service.journal.records import SnapshotRef
from service.replica.replica import ServiceState
from service.replica.weight_update import lines_of
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.snapshot import Snapshot
from service.snapshots.snapshotter import Snapshotter

_OF_NOTHING = sha256_of(NOTHING)


class Ancestry:
    """The ancestor of a net: the snapshot that it was restored to or merged into last, or nothing, at its birth.

    Attributes:
        merging: whether a merge is under way here; a net that merges tells others nothing.
    """

    def __init__(self, engine: Engine, snapshotter: Snapshotter, snapshots: SnapshotCatalog) -> None:
        self.merging = False
        self._engine, self._snapshotter, self._snapshots = engine, snapshotter, snapshots
        self._sharing = asyncio.Lock()  # one copy of the net at a time
        self._known: dict[SnapshotRef | None, str] = {None: _OF_NOTHING}

    @property
    def ref(self) -> SnapshotRef | None:
        return self._engine.progress.ancestor

    async def read(self, ref: SnapshotRef | None) -> bytes | None:
        """Return the bytes of this ancestor, None for a newborn. Raises Conflict if it is gone, or StoreError."""
        if ref is None:
            return None
        try:
            return await self._snapshots.read(ref.id)
        except NotFound:
            why = f"snapshot {ref.id} is gone, whose lines this net and those that it merges with had last"
            raise Conflict(f"{why}: restore one on all of them") from None

    async def sha256(self) -> str:
        """Return the SHA-256 of the ancestor's lines. Raises Conflict or StoreError."""
        self.check()
        if (ref := self.ref) not in self._known:
            lines = await self._lines(ref)
            self._known = {None: _OF_NOTHING, ref: await in_thread(lambda: sha256_of(lines))}
        return self._known[ref]

    async def share(self, ancestor: str) -> bytes:
        """Return what has changed of the net's lines since this ancestor, to travel; the net is saved as it is now.

        Raises Conflict for another ancestor, or while the net merges, or StoreError.
        """
        await self.check_ancestor(ancestor)
        if self.merging:
            raise Conflict("this net is merging now: ask again later")
        async with self._sharing:
            snapshot = await self._snapshotter.save()
            ref = (await self.state(snapshot)).ancestor
            data, lines = await self._snapshots.read(snapshot.id), await self._lines(ref)
            try:
                return await in_thread(lambda: share_from(data, snapshot.state_sha256, lines))
            except ValueError as error:
                raise Conflict(f"this net cannot merge: {error}") from error

    async def state(self, snapshot: Snapshot) -> ServiceState:
        """Return what was remembered beside a snapshot: its ancestor, and what the net lived through."""
        return ServiceState.from_bytes(await self._snapshots.memory(snapshot.id))

    async def check_ancestor(self, *ancestors: str) -> None:
        """Raise Conflict if the net's ancestor is none of these, or the net is none that merges."""
        if (own := await self.sha256()) not in ancestors:
            raise Conflict(f"this net is of another ancestor, {own[:12]}…: restore the same snapshot on all members")

    def check(self) -> None:
        """Raise Conflict for a net that does not merge."""
        if self._engine.interface.fit != "gains":
            raise Conflict("only nets of dendrites merge, and neither a compact one nor a child")

    async def _lines(self, ref: SnapshotRef | None) -> Lines:
        data = await self.read(ref)
        return NOTHING if data is None else await in_thread(lambda: lines_of(data))


def share_from(snapshot: bytes, member: str, ancestor: Lines) -> bytes:
    """Return what a member tells of the net in a snapshot. Raises ValueError if it was made smaller since."""
    net = DendriteLearner.from_checkpoint(Checkpoint.from_bytes(snapshot)).net
    return share_of(member, net, ancestor).to_bytes()
