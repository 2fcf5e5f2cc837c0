"""Data sets of a net: read into the store in chunks, then made visible by one atomic put of their manifest."""

import asyncio
import contextlib
import re
import secrets
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime

from realnet.interface import Interface
from service.aio import in_thread
from service.datasets.codec import decode_batch
from service.datasets.items import DatasetBatch
from service.datasets.manifest import Chunk, Dataset, DatasetDamaged, Manifest
from service.datasets.packing import Packing
from service.datasets.readers.findings import Findings
from service.datasets.readers.read import read
from service.datasets.upload import Upload
from service.errors import Conflict, NotFound
from service.store.base import Store, StoreError
from service.store.chunked import ChunkedValues
from service.store.keys import NetKeys

_ID = re.compile(r"[0-9a-f]{32}")


class DatasetCatalog:
    """The data sets of the net `name`: at most `kept`, each of at most `most_bytes` where a file is packed.

    One process owns them. An id is made from the content (`Upload.id`), and chunks of some MiB hold one batch each.
    Whoever gives an id may get NotFound; every method may raise StoreError.
    """

    def __init__(self, store: Store, kept: int, most_bytes: int, name: str) -> None:
        keys = NetKeys(name)
        self._kept = kept
        self._most_bytes = most_bytes
        self._values = ChunkedValues(
            store,
            chunks=keys.datasets,
            manifests=keys.dataset_manifests,
            kind=Manifest,
            id=_ID,
            damaged=DatasetDamaged,
            folder_of=lambda manifest: manifest.place,
        )
        self._adding = asyncio.Lock()  # one at a time: each takes memory, and all of the interpreter
        self._holding = asyncio.Lock()  # nothing is deleted between a look at it and its being held
        self._users: defaultdict[str, list[str]] = defaultdict(list)

    async def add(self, upload: Upload, interface: Interface) -> tuple[Dataset, bool]:
        """Read an upload, check and store it for a net of this interface, and tell whether it is new.

        Raises Invalid, and Conflict where there are as many as are kept; then, and when it is cancelled, nothing has
        become visible.
        """
        async with self._adding:
            with contextlib.suppress(NotFound, DatasetDamaged):
                return await self.get(upload.id), False
            if len(await self._values.ids()) >= self._kept:
                raise Conflict(f"{self._kept} data sets are kept: delete one")
            await self._values.sweep()  # what could not be deleted when it should have been
            place = secrets.token_hex(8)
            try:
                manifest = await self._write(upload, interface, place)
            except BaseException:
                with contextlib.suppress(StoreError):  # the first error tells more
                    await self._values.discard(place)
                raise
            await self._values.publish(manifest)
        return manifest.dataset(), True

    async def get(self, id: str) -> Dataset:
        """Return what is known of a data set. Raises DatasetDamaged if its manifest is; chunks are not looked at."""
        return (await self._manifest(id)).dataset()

    async def list(self) -> list[Dataset]:
        """Return all, oldest first. A data set whose manifest is damaged is left out."""
        found = [manifest.dataset() for manifest in await self._values.whole()]
        return sorted(found, key=lambda dataset: (dataset.created_at, dataset.id))

    async def read(self, id: str, start: int = 0) -> AsyncGenerator[DatasetBatch]:
        """Yield all from the piece of number `start` on, one stored chunk at a time. Raises DatasetDamaged.

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
        """Keep a data set from being deleted meanwhile. `user` is told to who tries, as `job 7`."""
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
        """Delete a data set, a damaged one, too. Raises Conflict where it is held."""
        async with self._holding:
            if id not in await self._values.ids():
                raise _not_found()
            if id in self._users:
                raise Conflict(f"data set {id} is in use by {self._users[id][0]}")
            place = None
            with contextlib.suppress(DatasetDamaged):
                place = (await self._manifest(id)).place
            await self._values.withdraw(id)
        if place is not None:
            await self._values.discard(place)

    async def sweep(self) -> int:
        """Remove the chunks that no manifest names, left by a crash, and return their number; call it at start."""
        async with self._adding:
            return await self._values.sweep()

    async def _write(self, upload: Upload, interface: Interface, place: str) -> Manifest:
        found = Findings()
        packing = Packing(read(upload, interface, self._most_bytes, found))
        chunks: list[Chunk] = []
        while (packed := await in_thread(packing.step)) is not None:
            if not found.places:
                await self._values.put_chunk(place, len(chunks), packed.data)
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
        return await self._values.chunk(manifest.id, manifest.place, index, manifest.chunks[index].sha256)

    async def _manifest(self, id: str) -> Manifest:
        manifest = await self._values.find(id)
        if manifest is None:
            raise _not_found()
        return manifest


def _not_found() -> NotFound:
    return NotFound("no data set has this id")
