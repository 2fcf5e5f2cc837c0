"""The keys of each net, which are listed once and known from then on: in Redis a listing looks through those of all."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from service.store.base import Store
from service.store.keys import NetKeys


class OwnKeys:
    """A store, in which nobody else puts or deletes what is in `folder`. `known` is what is in it, if that is known."""

    def __init__(self, store: Store, folder: str, known: Iterable[str] | None = None) -> None:
        self._store, self._folder = store, folder
        self._known = None if known is None else set(known)
        self._changes = 0  # begun and ended

    @property
    def known(self) -> frozenset[str] | None:
        """Return all keys in the folder, None where nobody knows them."""
        return None if self._known is None else frozenset(self._known)

    async def put(self, key: str, value: bytes) -> None:
        async with self._changing():
            await self._store.put(key, value)
        if self._known is not None:
            self._known.add(key)

    async def get(self, key: str) -> bytes | None:
        return await self._store.get(key)

    async def get_all(self, keys: Sequence[str]) -> list[bytes | None]:
        return await self._store.get_all(keys)

    async def delete(self, key: str) -> None:
        async with self._changing():
            await self._store.delete(key)
        if self._known is not None:
            self._known.discard(key)

    async def swap(self, key: str, old: bytes, new: bytes | None) -> bool:
        async with self._changing():
            was = await self._store.swap(key, old, new)
        if was and new is None and self._known is not None:
            self._known.discard(key)
        return was

    async def keys(self, prefix: str) -> list[str]:
        if not prefix.startswith(self._folder):
            return await self._store.keys(prefix)
        found = self._known
        if found is None:
            before = self._changes
            found = set(await self._store.keys(self._folder))
            if self._changes == before:
                self._known = found
        return sorted(key for key in found if key.startswith(prefix))

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        self._changes += 1
        try:
            yield
        except BaseException:  # nobody knows whether it is there
            self._known = None
            raise
        finally:
            self._changes += 1

    async def ping(self) -> None:
        await self._store.ping()

    async def close(self) -> None:
        await self._store.close()


class KeysOfNets:
    """What is known of the keys of nets that are not in memory: nobody puts or deletes any of these.

    Most have a journal and nothing else, of which nothing is kept here.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, frozenset[str] | None] = {}  # None: nobody knows
        self._knows_all = False  # those that are not in `_known` have none

    def begin(self, keys: Iterable[str], names: set[str]) -> None:
        """Take `keys` for all that there are of the nets of these names, and of nets that are made from now on."""
        found: dict[str, list[str]] = {}
        for key in keys:
            name = key.partition("/")[0]
            if name in names and not key.startswith(NetKeys(name).journal):
                found.setdefault(name, []).append(key)
        self._known, self._knows_all = {name: frozenset(own) for name, own in found.items()}, True

    def take(self, name: str) -> OwnKeys:
        """Return the store as a net sees it that is about to be opened, or deleted: until `give_back` it may change."""
        known = self._known.get(name, frozenset() if self._knows_all else None)
        self._known[name] = None
        return OwnKeys(self._store, f"{name}/", known)

    def give_back(self, name: str, own: OwnKeys) -> None:
        """Remember the keys of a net that was closed in order."""
        self._known[name] = own.known
        if self._knows_all and not own.known and own.known is not None:
            self.forget(name)

    def forget(self, name: str) -> None:
        """Take a net for one that has no keys."""
        self._known.pop(name, None)
