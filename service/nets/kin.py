"""Parents and their children where both are made and deleted at once, in one process or, in a cluster, in two.

In a cluster, who makes a child looks whether its parent is there after the child's key is put; who deletes a parent has
first made it one that is not, looks for keys after that, and takes it back if there is one. So one of both sees the
other.
"""

from service.errors import Conflict, ErrorLocation, Invalid, NotFound, Refused
from service.nets.children import Child, Children, check_has_none
from service.nets.manifest import DEFAULT, ParentRef
from service.nets.parents import Above, Parents
from service.runtime.awakening import snapshots_of
from service.runtime.open_store import OpenStore
from service.settings import Settings
from service.snapshots.catalog import SnapshotCatalog
from service.store.keys import deleted_net_key, manifest_key


class SharedKin:
    """Parents and children of which other processes have some."""

    def __init__(self, place: OpenStore, settings: Settings, parents: Parents, children: Children) -> None:
        self._place, self._store, self._settings = place, place.store, settings
        self._parents, self._children = parents, children

    async def ref(self, over: Above) -> ParentRef:
        """Return the parent of a net to be. Raises Invalid where there is none, Refused or StoreError."""
        await self._check_is_there(over.net)
        return await self._parents.ref(over, self._snapshots_of(over.net))

    async def add(self, child: Child) -> None:
        """Note a child that is about to be. Raises Invalid where its parent is gone meanwhile, or StoreError."""
        is_new = await self._children.add(child)
        try:
            await self._check_is_there(child.net)
            await self._snapshots_of(child.net).change(child.snapshot, kept=True)
        except Refused as error:
            if is_new:
                await self._children.drop(child)
            if isinstance(error, NotFound):
                raise Invalid([ErrorLocation(detail=str(error), pointer="/parent/snapshot")]) from None
            raise

    async def mark_deleted(self, name: str) -> None:
        """Let a net have no more children. Raises Conflict where one came in between, or StoreError."""
        await self._store.put(deleted_net_key(name), b"")
        try:
            check_has_none(name, len(await self._children.family(name)))
        except Conflict:
            await self._store.delete(deleted_net_key(name))
            raise

    async def _check_is_there(self, net: str) -> None:
        is_there = net == DEFAULT or await self._store.get(manifest_key(net)) is not None
        if not is_there or await self._store.get(deleted_net_key(net)) is not None:
            raise Invalid([ErrorLocation(detail="there is no net of this name", pointer="/parent/net")])

    def _snapshots_of(self, net: str) -> SnapshotCatalog:
        return snapshots_of(net, self._settings, self._place)
