"""Which nets are children of which snapshots, so that none is deleted that a child needs."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from service.errors import Conflict
from service.nets.part import Part
from service.store.base import Store
from service.store.keys import CHILDREN, child_key, deleted_net_key


class Child(NamedTuple):
    """A net that is a child of a snapshot of another; or, after a crash or with the store in trouble, may be."""

    net: str
    snapshot: str
    name: str

    @property
    def key(self) -> str:
        return child_key(*self)


class Children:
    """All children in a store. A child's key is put before its manifest, and deleted after all else of it."""

    def __init__(self, store: Store, part: Part) -> None:
        self._store, self._part = store, part
        self._there: set[Child] = set()
        self._expected: list[Child] = []

    async def load(self, keys: Iterable[str], names: set[str]) -> None:
        """Read the keys of all children, and delete those of children that were never made. Raises StoreError."""
        found = {child for child in _children(keys) if self._part.has(child.name)}
        self._there = {child for child in found if child.name in names}
        for child in found - self._there:
            await self._store.delete(child.key)

    async def family(self, net: str, snapshot: str | None = None) -> set[Child]:
        """Return the children of a net, or of one of its snapshots, and those that are expected. Raises StoreError."""
        family = {*await self.all_of(net), *(each for each in self._expected if each.net == net)}
        return {each for each in family if snapshot in (None, each.snapshot)}

    async def all_of(self, net: str) -> set[Child]:
        """Return the children of a net, also those that other processes of a cluster have. Raises StoreError."""
        if self._part.is_of_cluster:  # others make and delete some
            return _children(await self._store.keys(f"{CHILDREN}{net}/"))
        return {each for each in self._there if each.net == net}

    async def take_back(self, deleted: set[str]) -> None:
        """Let nets live that were to be deleted and have children: a crash of a cluster's process came in between.

        Raises StoreError.
        """
        for name in sorted(deleted):
            if await self.family(name):
                await self._store.delete(deleted_net_key(name))
                deleted.remove(name)

    def of(self, net: str, snapshot: str | None = None) -> list[Child]:
        """Return the children here of a net, or of one of its snapshots, and those that were and may still need it."""
        return sorted(each for each in self._there if each.net == net and snapshot in (None, each.snapshot))

    @contextmanager
    def expected(self, child: Child) -> Iterator[None]:
        """Have a child count until the end of the block, whatever becomes of it."""
        self._expected.append(child)
        try:
            yield
        finally:
            self._expected.remove(child)

    async def add(self, child: Child) -> bool:
        """Note a child that is about to be made; return whether it was not noted before.

        Raises StoreError, and then it counts until the next start.
        """
        is_new = child not in self._there
        self._there.add(child)
        await self._store.put(child.key, b"")
        return is_new

    async def drop(self, child: Child) -> None:
        """Note that a net needs a snapshot no more. Raises StoreError."""
        await self._store.delete(child.key)
        self._there.discard(child)

    async def remove(self, name: str) -> None:
        """Note that a net is gone. Raises StoreError."""
        for child in [each for each in self._there if each.name == name]:
            await self._store.delete(child.key)
            self._there.discard(child)


def check_has_none(net: str, count: int) -> None:
    """Raise Conflict for a net that has so many children, unless that is none."""
    if count:
        raise Conflict(f"net {net} stays as long as it has children, and it has {count}: delete them first")


def _children(keys: Iterable[str]) -> set[Child]:
    return {Child(*key.removeprefix(CHILDREN).split("/")) for key in keys if key.startswith(CHILDREN)}
