"""Large values in chunks, each value with one manifest."""

import contextlib
import hashlib
import re
from collections.abc import Callable
from typing import Generic, TypeVar

from service.aio import in_thread
from service.store.base import Store
from service.store.keys import chunk_key
from service.store.sealed import Sealed

M = TypeVar("M", bound=Sealed)


class ChunkedValues(Generic[M]):
    """Values whose manifests are of the kind `M`: chunks in folders under `chunks`, manifests by id under `manifests`.

    A value is there from the put of its manifest until the manifest is deleted: chunks are written before, and deleted
    after. So an interruption leaves at most chunks without a manifest, which `sweep` removes. `folder_of` tells from a
    manifest where the chunks are; without it the folder has the id for a name. `damaged` is what is raised, made of the
    id and what is wrong. Every method may raise StoreError.
    """

    def __init__(
        self,
        store: Store,
        *,
        chunks: str,
        manifests: str,
        kind: type[M],
        id: re.Pattern[str],
        damaged: type[Exception],
        folder_of: Callable[[M], str] | None = None,
    ) -> None:
        self._store = store
        self._chunks = chunks
        self._manifests = manifests
        self._kind = kind
        self._id = id
        self._damaged = damaged
        self._folder_of = folder_of

    async def ids(self) -> list[str]:
        """Return the id of every manifest, damaged or not, sorted."""
        keys = await self._store.keys(self._manifests)
        return [id for key in keys if self._id.fullmatch(id := key.removeprefix(self._manifests))]

    async def folders(self) -> set[str]:
        """Return the name of every folder that has chunks, with a manifest or without."""
        return {self._folder_in(key) for key in await self._store.keys(self._chunks)}

    async def find(self, id: str) -> M | None:
        """Return a manifest, or None if there is none of this id. Raises `damaged`; chunks are not looked at."""
        stored = await self._store.get(self._manifests + id) if self._id.fullmatch(id) else None
        return None if stored is None else self._kind.unseal(id, stored, self._damaged)

    async def whole(self) -> list[M]:
        """Return every manifest that is not damaged, in the order of their ids."""
        found: list[M] = []
        for id in await self.ids():
            with contextlib.suppress(self._damaged):
                if (manifest := await self.find(id)) is not None:  # not deleted in the meantime
                    found.append(manifest)
        return found

    async def put_chunk(self, folder: str, index: int, data: bytes) -> None:
        await self._store.put(chunk_key(self._chunks + folder, index), data)

    async def chunk(self, id: str, folder: str, index: int, sha256: str, size: int | None = None) -> bytes:
        """Return a chunk of the value `id`, verified. Raises `damaged`."""
        data = await self._store.get(chunk_key(self._chunks + folder, index))
        if data is None:
            raise self._damaged(id, f"chunk {index} is missing")
        if size is not None and len(data) != size:
            raise self._damaged(id, f"chunk {index} has {len(data)} bytes, not {size}")
        if await sha256_of(data) != sha256:
            raise self._damaged(id, f"chunk {index} has the wrong checksum")
        return data

    async def publish(self, manifest: M) -> None:
        """Make a value visible whose chunks are all there, or change its manifest.

        If this fails the chunks must stay: only a later sweep sees whether it took effect after all.
        """
        await self._store.put(self._manifests + manifest.id, manifest.seal())

    async def change(self, id: str, change: Callable[[M], M | None]) -> tuple[M, M | None] | None:
        """Put what `change` makes of a manifest in its place, or delete it for None, whoever else does so meanwhile.

        Return what it was and what it is now, or None if it was not there. Raises `damaged`.
        """
        while True:
            stored = await self._store.get(self._manifests + id) if self._id.fullmatch(id) else None
            if stored is None:
                return None
            old = self._kind.unseal(id, stored, self._damaged)
            new = change(old)
            sealed = None if new is None else new.seal()
            if new == old or await self._store.swap(self._manifests + id, stored, sealed):
                return old, new

    async def withdraw(self, id: str) -> None:
        """Delete a manifest. Its chunks are then without one."""
        await self._store.delete(self._manifests + id)

    async def discard(self, folder: str) -> None:
        """Delete the chunks in a folder, which no manifest may name."""
        for key in await self._store.keys(f"{self._chunks}{folder}/"):
            await self._store.delete(key)

    async def sweep(self) -> int:
        """Delete the chunks that no manifest names, left by an interruption, and return their number."""
        # Chunks are listed before manifests: a publication that was given up but still came through is then seen.
        keys = await self._store.keys(self._chunks)
        named = await self._named()
        orphans = [key for key in keys if self._folder_in(key) not in named]
        for key in orphans:
            await self._store.delete(key)
        return len(orphans)

    async def _named(self) -> set[str]:
        if self._folder_of is None:
            return set(await self.ids())
        return {self._folder_of(manifest) for manifest in await self.whole()}

    def _folder_in(self, key: str) -> str:
        return key.removeprefix(self._chunks).partition("/")[0]


async def sha256_of(data: bytes) -> str:
    return await in_thread(lambda: hashlib.sha256(data).hexdigest())  # tens of milliseconds for a chunk
