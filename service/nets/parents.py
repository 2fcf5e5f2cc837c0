"""Parents of nets: of each one copy in memory, for as long as a child of it is there."""

import asyncio
from functools import partial
from typing import NamedTuple
from weakref import WeakValueDictionary

from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.family import freeze
from realnet.dendrites.parent import Parent
from service.aio import in_thread
from service.errors import ErrorLocation, Invalid, NotFound
from service.nets.manifest import ParentRef
from service.nets.shared_parents import SharedParents
from service.runtime.awakening import snapshots_of
from service.runtime.birth import CannotStart
from service.runtime.open_store import OpenStore
from service.settings import Settings
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.snapshot import SnapshotDamaged


class Above(NamedTuple):
    """The snapshot that a net is to be a child of, and how many lines of its own it is to have."""

    net: str
    snapshot: str
    lines: int


class Parents:
    """Reads parents, each once for all its children, also where these wake at the same time. On the loop."""

    def __init__(self, place: OpenStore, settings: Settings, is_shared: bool) -> None:
        """Where it `is_shared`, other processes of this machine have children of the same parents."""
        self._place, self._settings = place, settings
        self._shared = SharedParents() if is_shared else None
        self._alive: WeakValueDictionary[str, Parent] = WeakValueDictionary()  # by their hashes
        self._reading: dict[str, asyncio.Task[Parent]] = {}
        self._asking = asyncio.Lock()  # one is read at a time for children to be
        self._seen: tuple[str, str] | None = None  # of the one that was asked for last: of its bytes, and of what it is

    @property
    def nbytes(self) -> int:
        """Return about how many bytes all take that are in memory, also those that other processes share."""
        return sum(parent.nbytes for parent in self._alive.values())

    async def ref(self, over: Above, catalog: SnapshotCatalog) -> ParentRef:
        """Return the parent that a snapshot in the catalog of its net is; it is kept from now on.

        Raises Invalid where it is none, Conflict where no more may be kept, or StoreError.
        """
        try:
            snapshot = await catalog.get(over.snapshot)
            async with self._asking:
                if self._seen is None or self._seen[0] != snapshot.sha256:
                    self._seen = snapshot.sha256, (await self._read(over.net, over.snapshot)).sha256
                sha256 = self._seen[1]
            await catalog.change(over.snapshot, kept=True)
        except NotFound as error:
            raise Invalid([ErrorLocation(detail=str(error), pointer="/parent/snapshot")]) from None
        except CannotStart as error:
            raise Invalid([ErrorLocation(detail=str(error), pointer="/parent")]) from error
        return ParentRef(net=over.net, snapshot=over.snapshot, sha256=sha256, lines=over.lines)

    async def get(self, ref: ParentRef) -> Parent:
        """Return a parent. Raises CannotStart where it is gone, or another one now; or StoreError."""
        if (parent := self._alive.get(ref.sha256)) is not None:
            return parent
        if (reading := self._reading.get(ref.sha256)) is None:
            reading = asyncio.create_task(self._found(ref), name=f"parent {ref.net} {ref.snapshot}")
            self._reading[ref.sha256] = reading
            reading.add_done_callback(lambda task: self._has_read(ref.sha256, task))
        return await asyncio.shield(reading)

    def close(self) -> None:
        """Read no further."""
        for task in self._reading.values():
            task.cancel()

    def _has_read(self, sha256: str, task: "asyncio.Task[Parent]") -> None:
        del self._reading[sha256]
        if not task.cancelled():
            task.exception()  # perhaps nobody waits any more

    async def _found(self, ref: ParentRef) -> Parent:
        parent, shared = None, self._shared
        if shared is not None:
            parent = await in_thread(lambda: shared.find(ref.sha256))
        if parent is None:
            parent = await self._read(ref.net, ref.snapshot)
            if parent.sha256 != ref.sha256:
                raise CannotStart(f"its parent, snapshot {ref.snapshot} of the net {ref.net}, is another one now")
            if shared is not None:
                parent = await in_thread(partial(shared.share, parent))
        self._alive[ref.sha256] = parent
        return parent

    async def _read(self, net: str, id: str) -> Parent:
        catalog = snapshots_of(net, self._settings, self._place)
        try:
            data = await catalog.read(id)
            return await in_thread(lambda: _frozen(data))
        except NotFound:
            raise CannotStart(f"its parent, snapshot {id} of the net {net}, is gone") from None
        except SnapshotDamaged as error:
            raise CannotStart(f"its parent is of the net {net}, and {error}") from error
        except ValueError as error:
            raise CannotStart(f"snapshot {id} of the net {net} is no parent: {error}") from error


def _frozen(data: bytes) -> Parent:
    """Return the parent that the bytes of a snapshot are. Raises ValueError."""
    checkpoint = Checkpoint.from_bytes(data)
    if checkpoint.config["kind"] != "dendrites" or "parent" in checkpoint.config:
        raise ValueError("only a net of dendrites has children, and neither a compact one nor a child")
    return freeze(DendriteLearner.from_checkpoint(checkpoint))
