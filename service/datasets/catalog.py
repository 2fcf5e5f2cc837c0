"""Data sets: read in chunks into the store, then made visible by one atomic put of their manifest."""

import asyncio
import contextlib
import re
import secrets
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import UTC, datetime

from realnet.interface import Interface
from service.aio import in_thread
from service.datasets.codec import decode_batch
from service.datasets.items import DatasetBatch
from service.datasets.manifest import Chunk, Dataset, DatasetDamaged, DatasetInUse, DatasetsFull, Manifest
from service.datasets.packing import Packing, sha256_of
from service.datasets.readers.findings import Findings
from service.datasets.readers.read import read
from service.datasets.upload import Upload
from service.store.base import Store, StoreError

_ID = re.compile(r"[0-9a-f]{32}")


class DatasetCatalog:
    """At most `kept` data sets, of at most `most_bytes` each where a file is packed; one process owns them.

    An id is made from the content (`Upload.id`). Anything else given as an id is a KeyError, as is the id of no data
    set. Every method may raise StoreError. Keys, of chunks of some MiB at most:

        {name}/datasets/{place}/chunk-00000 …       one batch each
        {name}/dataset-manifests/{id}               one line of JSON, one with its SHA-256; there last, gone first
    """

    def __init__(self, store: Store, kept: int, most_bytes: int, name: str = "default") -> None:
        self._store = store
        self._kept = kept
        self._most_bytes = most_bytes
        self._chunks = f"{name}/datasets/"
        self._manifests = f"{name}/dataset-manifests/"
        self._adding = asyncio.Lock()  # one at a time: each takes memory, and all of the interpreter
        self._holding = asyncio.Lock()  # nothing is deleted between a look at it and its being held
        self._users: defaultdict[str, list[str]] = defaultdict(list)

    async def add(self, upload: Upload, interface: Interface) -> tuple[Dataset, bool]:
        """Read, check and store it for a net of this interface; whether it is new.

        Raises Invalid or DatasetsFull; then, and when it is cancelled, nothing has become visible.
        """
        async with self._adding:
            with contextlib.suppress(KeyError, DatasetDamaged):
                return await self.get(upload.id), False
            if len(await self._ids()) >= self._kept:
                raise DatasetsFull(f"{self._kept} data sets are kept: delete one")
            await self._sweep()  # what could not be deleted when it should have been
            place = secrets.token_hex(8)
            try:
                manifest = await self._write(upload, interface, place)
            except BaseException:
                with contextlib.suppress(StoreError):  # the first error tells more
                    await self._discard(place)
                raise
            # The flip. If its fate is unknown the chunks stay: a later sweep sees whether it took effect after all.
            await self._store.put(self._manifests + upload.id, manifest.seal())
        return manifest.dataset(), True

    async def get(self, id: str) -> Dataset:
        """Raises DatasetDamaged if the manifest is; chunks are not looked at."""
        return (await self._manifest(id)).dataset()

    async def list(self) -> list[Dataset]:
        """Oldest first. A data set whose manifest is damaged is left out."""
        found = []
        for id in await self._ids():
            with contextlib.suppress(KeyError, DatasetDamaged):  # KeyError: deleted in the meantime
                found.append(await self.get(id))
        return sorted(found, key=lambda dataset: (dataset.created_at, dataset.id))

    async def read(self, id: str, start: int = 0) -> AsyncGenerator[DatasetBatch]:
        """All from the piece of this number on, one stored chunk at a time. Raises DatasetDamaged.

        A generator: nothing is raised, not even for an unknown id, before the first batch is asked for.
        """
        manifest = await self._manifest(id)
        if start < manifest.pieces:
            first = bisect_right([chunk.start for chunk in manifest.chunks], start) - 1
            for index in range(first, len(manifest.chunks)):
                data = await self._verified(manifest, index)
                yield (await in_thread(lambda data=data: decode_batch(data))).since(start)  # type: ignore[misc]

    @contextlib.asynccontextmanager
    async def hold(self, id: str, user: str) -> AsyncIterator[Dataset]:
        """It is not deleted meanwhile. `user` is told to who tries, as `job 7`."""
        async with self._holding:
            dataset = await self.get(id)
            self._users[id].append(user)
        try:
            yield dataset
        finally:
            self._users[id].remove(user)
            if not self._users[id]:
                del self._users[id]

    async def delete(self, id: str) -> None:
        """Works on a damaged data set, too. Raises DatasetInUse."""
        async with self._holding:
            if id not in await self._ids():
                raise KeyError(id)
            if id in self._users:
                raise DatasetInUse(f"data set {id} is in use by {self._users[id][0]}")
            place = None
            with contextlib.suppress(DatasetDamaged):
                place = (await self._manifest(id)).place
            await self._store.delete(self._manifests + id)
        if place is not None:
            await self._discard(place)

    async def sweep(self) -> int:
        """Remove the chunks that no manifest names, left by a crash, and return their number; call it at start."""
        async with self._adding:
            return await self._sweep()

    async def _write(self, upload: Upload, interface: Interface, place: str) -> Manifest:
        found = Findings()
        packing = Packing(read(upload, interface, self._most_bytes, found))
        chunks: list[Chunk] = []
        while (packed := await in_thread(packing.step)) is not None:
            if not found.places:
                await self._store.put(self._chunk_key(place, len(chunks)), packed.data)
                chunks.append(Chunk(start=packed.start, sha256=packed.sha256))
        manifest = Manifest(
            id=upload.id,
            name=upload.name,
            format=upload.format,
            bytes=upload.bytes,
            sha256=upload.sha256,
            created_at=datetime.now(UTC),
            place=place,
            chunks=tuple(chunks),
            **packing.counts(),
        )
        for index in range(len(chunks)):  # after the last put: a full Redis may evict one chunk for another
            await self._verified(manifest, index)
        return manifest

    async def _verified(self, manifest: Manifest, index: int) -> bytes:
        data = await self._store.get(self._chunk_key(manifest.place, index))
        if data is None:
            raise DatasetDamaged(manifest.id, f"chunk {index} is missing")
        if await in_thread(lambda: sha256_of(data)) != manifest.chunks[index].sha256:
            raise DatasetDamaged(manifest.id, f"chunk {index} has the wrong checksum")
        return data

    async def _discard(self, place: str) -> None:
        for key in await self._store.keys(f"{self._chunks}{place}/"):
            await self._store.delete(key)

    async def _sweep(self) -> int:
        # Chunks are listed before manifests: a flip that was given up but still came through is then seen.
        keys = await self._store.keys(self._chunks)
        named = set()
        for id in await self._ids():
            with contextlib.suppress(KeyError, DatasetDamaged):
                named.add((await self._manifest(id)).place)
        orphans = [key for key in keys if key.removeprefix(self._chunks).partition("/")[0] not in named]
        for key in orphans:
            await self._store.delete(key)
        return len(orphans)

    async def _ids(self) -> Sequence[str]:
        keys = await self._store.keys(self._manifests)
        return [id for key in keys if _ID.fullmatch(id := key.removeprefix(self._manifests))]

    async def _manifest(self, id: str) -> Manifest:
        stored = await self._store.get(self._manifests + id) if _ID.fullmatch(id) else None
        if stored is None:
            raise KeyError(id)
        return Manifest.unseal(id, stored, DatasetDamaged)

    def _chunk_key(self, place: str, index: int) -> str:
        return f"{self._chunks}{place}/chunk-{index:05d}"
