"""A folder of a store that one net has to itself: its keys are listed once, and known from then on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.store.base import Store


class OwnKeys:
    """A store, in which nobody else puts or deletes what is in `folder`.

    Where that is Redis, each listing would look through the keys of all nets.
    """

    def __init__(self, store: Store, folder: str) -> None:
        self._store, self._folder = store, folder
        self._known: set[str] | None = None
        self._changes = 0  # begun and ended

    async def put(self, key: str, value: bytes) -> None:
        async with self._changing():
            await self._store.put(key, value)
        if self._known is not None:
            self._known.add(key)

    async def get(self, key: str) -> bytes | None:
        return await self._store.get(key)

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
