"""The manifests of all nets: those in the store, by their names, and those that were read, in memory."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from service.auth.rate_limit import Rates
from service.errors import Conflict, NetDamaged, NotFound
from service.nets.manifest import NetManifest
from service.nets.names import Names
from service.store.base import Store
from service.store.keys import manifest_key

_AT_ONCE = 100  # are read, and then the loop has time for others


class Manifests:
    """What each net was made as. A name is there from `add` to `forget`, whatever the store has. On the loop.

    Attributes:
        names: of all nets that are there.
        writing: is held by who puts or deletes a manifest.
    """

    def __init__(self, store: Store, names: Iterable[str]) -> None:
        self.names = Names(names)
        self.writing = asyncio.Lock()
        self._store = store
        self._known: dict[str, NetManifest] = {}
        self._rates: dict[str, Rates] = {}  # of those with limits, hot or cold: to be woken forgives nothing

    async def get(self, name: str) -> NetManifest:
        """Return the manifest of a net. Raises NotFound, NetDamaged or StoreError."""
        if (known := self._known.get(name)) is not None:
            return known
        if (stored := await self._store.get(manifest_key(name))) is None:
            raise NotFound(f"there is no net {name}")
        return self._unsealed(name, stored)

    async def read(self, names: Iterable[str]) -> None:
        """Read the manifests of these nets, many at a time, as far as they are not in memory. Raises StoreError."""
        unread = [name for name in names if name not in self._known]
        for first in range(0, len(unread), _AT_ONCE):
            some = unread[first : first + _AT_ONCE]
            stored = await self._store.get_all([manifest_key(name) for name in some])
            for name, found in zip(some, stored, strict=True):
                if found is not None:
                    with suppress(NetDamaged):  # which `get` tells of
                        self._unsealed(name, found)

    def rates(self, name: str) -> Rates | None:
        """Return what a net may be asked for that has limits, and whose manifest was read."""
        return self._rates.get(name)

    def add(self, manifest: NetManifest) -> None:
        """Have a net be there whose manifest is to be `put`."""
        self.names.add(manifest.id)
        self._know(manifest)

    async def put(self, manifest: NetManifest) -> None:
        """Put the manifest of a net that was added. Raises Conflict where it is gone meanwhile, or StoreError."""
        async with self.writing:
            if manifest.id not in self.names:
                raise Conflict(f"the net {manifest.id} was deleted meanwhile")
            await self._store.put(manifest_key(manifest.id), manifest.seal())

    async def rewrite(self, name: str, change: Callable[[NetManifest], NetManifest]) -> NetManifest:
        """Put the manifest of a net as `change` makes it of what it is. Raises NotFound, NetDamaged or StoreError."""
        async with self.writing:
            if name not in self.names:
                raise NotFound("there is no net of this name")
            manifest = change(await self.get(name))
            await self._store.put(manifest_key(name), manifest.seal())
            if name in self.names:
                self._know(manifest)
        return manifest

    def forget(self, name: str) -> None:
        """Have a net be there no more."""
        self.names.discard(name)
        self._known.pop(name, None)
        self._rates.pop(name, None)

    def _unsealed(self, name: str, stored: bytes) -> NetManifest:
        manifest = NetManifest.unseal(name, stored, lambda id, what: NetDamaged(f"the net {id}: {what}"))
        if name in self.names and name not in self._known:  # a newer one may have been put meanwhile
            self._know(manifest)
        return manifest

    def _know(self, manifest: NetManifest) -> None:
        name, limits = manifest.id, manifest.limits
        self._known[name] = manifest.lean
        rates = limits.rate_requests or 0.0, limits.rate_ticks or 0.0
        if name in self._rates or any(rates):
            self._rates.setdefault(name, Rates(f"the net {name} may be asked for")).change(*rates)
