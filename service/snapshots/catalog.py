"""Snapshots: written in chunks, verified, then made visible by one atomic put of their manifest."""

import asyncio
import contextlib
import hashlib
import io
import logging
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from pydantic import BaseModel

from service.errors import Conflict
from service.snapshots.snapshot import Snapshot, SnapshotDamaged, SnapshotInUse
from service.store.base import Store, StoreError
from service.store.sealed import Sealed

CHUNK_BYTES = 16 * 2**20  # a Redis value is at most 512 MB, and a call has seconds

_JOBS_KEPT = 3  # snapshots that jobs made, beside those of the net

_ID = re.compile(r"[0-9]{8}")
_logger = logging.getLogger(__name__)


class _Chunk(BaseModel, frozen=True):
    size: int
    sha256: str


class _Manifest(Snapshot, Sealed, frozen=True):
    chunks: tuple[_Chunk, ...]
    memory: _Chunk | None = None
    place: int | None = None  # the last record of the journal that is in it

    def snapshot(self) -> Snapshot:
        return Snapshot(**self.model_dump(exclude={"chunks", "memory", "place"}))


class SnapshotCatalog:
    """The snapshots of the net `name`, owned by one process.

    Users have at most `most_kept` of them kept, until they delete them. Of the others the newest `retention` stay, and
    beside these the newest few that jobs made; those are never taken for the net's own.

    An id is a sequence number of 8 digits and is never given twice, so the newest snapshot has the greatest id
    whatever the clocks did. Anything else given as an id is a KeyError, as is the id of no snapshot.
    Every method may raise StoreError. Keys:

        {name}/last-snapshot-id                     the last id given
        {name}/snapshots/{id}/chunk-00000 …         at most `chunk_bytes` each
        {name}/snapshots/{id}/memory                what the service remembers beside the net
        {name}/manifests/{id}                       one line of JSON, one with its SHA-256; there last, gone first
    """

    def __init__(
        self,
        store: Store,
        retention: int,
        name: str = "default",
        chunk_bytes: int = CHUNK_BYTES,
        most_kept: int = 100,
    ) -> None:
        if retention < 1:
            raise ValueError(f"retention is {retention}, must be at least 1")
        self._store = store
        self._retention = retention
        self._most_kept = most_kept
        self._chunk_bytes = chunk_bytes
        self._last_id = f"{name}/last-snapshot-id"
        self._chunks = f"{name}/snapshots/"
        self._manifests = f"{name}/manifests/"
        self._lock = asyncio.Lock()  # one save, deletion or sweep at a time
        self.pinned: set[str] = set()  # the journal needs them until the next one is saved
        self.held: set[str] = set()  # a job needs them

    async def save(
        self,
        data: bytes,
        tick: int,
        state_sha256: str,
        memory: bytes = b"",
        place: int | None = None,
        job: str | None = None,
        kept: bool = False,
        name: str | None = None,
    ) -> Snapshot:
        """Write and verify a snapshot, make it visible, then delete those that are older than the newest `retention`.

        `memory` is stored with it, and is no part of its bytes; `place` is the journal's last record that is in it.
        Retention counts whole manifests and does not look into chunks, so a snapshot damaged after its save counts.
        Raises SnapshotDamaged if the store does not give back what was written, and Conflict where no more may be
        kept; then nothing has become visible.
        """
        async with self._lock:
            if kept:
                await self._check_room()
            id = await self._next_id()
            try:
                written = await self._write(id, data, tick, state_sha256, memory, place, job)
                manifest = written.model_copy(update={"kept": kept, "name": name})
            except (StoreError, SnapshotDamaged):
                with contextlib.suppress(StoreError):  # the first error tells more; the next save or start tries again
                    await self._sweep()
                raise
            # The flip. If its fate is unknown the chunks stay: a later sweep sees whether it took effect after all.
            await self._store.put(self._manifests + id, manifest.seal())
            try:
                await self._retire()
            except StoreError as error:
                _logger.warning("old snapshots stay until the next save: %s", error)
        if job is None:
            self.pinned.clear()
        return manifest.snapshot()

    async def change(self, id: str, **changes: bool | str | None) -> Snapshot:
        """Set `kept` or `name`, or both. Raises KeyError, SnapshotDamaged, and Conflict where no more may be kept."""
        async with self._lock:
            manifest = await self._manifest(id)
            if changes.get("kept") and not manifest.kept:
                await self._check_room()
            changed = manifest.model_copy(update=changes)
            await self._store.put(self._manifests + id, changed.seal())
        return changed.snapshot()

    async def get(self, id: str) -> Snapshot:
        """Raises SnapshotDamaged if the manifest is; chunks are not looked at."""
        return (await self._manifest(id)).snapshot()

    async def chunks(self, id: str) -> AsyncIterator[bytes]:
        """The bytes of a snapshot, each chunk verified before it is handed on. Raises SnapshotDamaged.

        A generator: nothing is raised, not even for an unknown id, before the first chunk is asked for. It may be as
        slow as a client, so it locks nothing: a snapshot deleted in the meantime ends as damaged, its chunk missing.
        """
        async for chunk in self._verified(await self._manifest(id)):
            yield chunk

    async def read(self, id: str) -> bytes:
        """All bytes of a snapshot, verified. Raises SnapshotDamaged."""
        async with self._lock:  # nothing is deleted while it is read
            return await self._joined(await self._manifest(id))

    async def delete(self, id: str) -> None:
        """Works on a damaged snapshot, too."""
        async with self._lock:
            if id not in await self._ids(self._manifests):
                raise KeyError(id)
            if id in self.pinned:
                raise SnapshotInUse(f"snapshot {id} came into the net and is needed until the next one is saved")
            if id in self.held:
                raise SnapshotInUse(f"snapshot {id} is in use by a job")
            await self._store.delete(self._manifests + id)
            await self._sweep()

    async def memory(self, id: str) -> bytes:
        """What was kept with it, verified; nothing if it was saved without. Raises SnapshotDamaged."""
        return await self._remembered(await self._manifest(id))

    async def oldest_place(self) -> int | None:
        """The smallest place of the newest `retention`: what comes after it may be needed, if newer ones are damaged.

        None where all may be: one has no place, or there is only one though there may be more. Older ones that users
        keep do not count: the journal would grow for as long as they are kept.
        """
        places: list[int | None] = []
        for id in reversed(await self._ids(self._manifests)):
            if len(places) == self._retention:
                break
            with contextlib.suppress(KeyError, SnapshotDamaged):
                manifest = await self._manifest(id)
                if manifest.job is None:
                    places.append(manifest.place)
        known = [place for place in places if place is not None]
        return min(known) if len(places) == len(known) >= min(2, self._retention) else None

    async def newest_good(self) -> tuple[tuple[Snapshot, bytes] | None, list[SnapshotDamaged]]:
        """The newest snapshot that verifies with its bytes, or None, and the damage of all newer ones, newest first."""
        damaged: list[SnapshotDamaged] = []
        async with self._lock:
            for id in reversed(await self._ids(self._manifests)):
                try:
                    manifest = await self._manifest(id)
                    if manifest.job is not None:
                        continue
                    await self._remembered(manifest)
                    return (manifest.snapshot(), await self._joined(manifest)), damaged
                except SnapshotDamaged as error:
                    damaged.append(error)
        return None, damaged

    async def sweep(self) -> int:
        """Remove the chunks that no manifest names, left by a crash, and return their number; call it at start."""
        async with self._lock:
            return await self._sweep()

    async def list(self) -> list[Snapshot]:
        """Oldest first. A snapshot whose manifest is damaged is left out; `newest_good` reports it."""
        snapshots = []
        for id in await self._ids(self._manifests):
            with contextlib.suppress(KeyError, SnapshotDamaged):  # KeyError: deleted in the meantime
                snapshots.append(await self.get(id))
        return snapshots

    async def _check_room(self) -> None:
        if sum(each.kept for each in await self.list()) >= self._most_kept:
            raise Conflict(
                f"{self._most_kept} snapshots are kept, and no more may be: delete one, or keep it no longer"
            )

    async def _next_id(self) -> str:
        last = (await self._store.get(self._last_id) or b"").decode(errors="replace")
        known = [last, *await self._ids(self._manifests), *await self._ids(self._chunks)]
        id = f"{int(max((id for id in known if _ID.fullmatch(id)), default='0')) + 1:08d}"
        await self._store.put(self._last_id, id.encode())
        return id

    async def _write(
        self, id: str, data: bytes, tick: int, state_sha256: str, memory: bytes, place: int | None, job: str | None
    ) -> _Manifest:
        chunks: list[_Chunk] = []
        for start in range(0, len(data), self._chunk_bytes):
            chunk = data[start : start + self._chunk_bytes]
            await self._store.put(self._chunk_key(id, len(chunks)), chunk)
            chunks.append(_Chunk(size=len(chunk), sha256=await _sha256(chunk)))
        if memory:
            await self._store.put(self._memory_key(id), memory)
        manifest = _Manifest(
            id=id,
            tick=tick,
            created_at=datetime.now(UTC),
            bytes=len(data),
            sha256=await _sha256(data),
            state_sha256=state_sha256,
            job=job,
            chunks=tuple(chunks),
            memory=_Chunk(size=len(memory), sha256=await _sha256(memory)) if memory else None,
            place=place,
        )
        async for _ in self._verified(manifest):  # after the last put: a full Redis may evict one chunk for another
            pass
        await self._remembered(manifest)
        return manifest

    async def _retire(self) -> None:
        whole = await self.list()
        own = [each.id for each in whole if each.job is None and not each.kept]
        of_jobs = [each.id for each in whole if each.job is not None and not each.kept]
        oldest_kept = own[-self._retention] if len(own) > self._retention else ""
        kept = {*(each.id for each in whole if each.kept), *of_jobs[-_JOBS_KEPT:], *self.pinned, *self.held}
        for id in await self._ids(self._manifests):
            if (id < oldest_kept or id in of_jobs) and id not in kept:
                await self._store.delete(self._manifests + id)
        await self._sweep()

    async def _sweep(self) -> int:
        # Chunks are listed before manifests: a flip that was given up but still came through is then seen.
        chunks = await self._store.keys(self._chunks)
        named = await self._ids(self._manifests)
        orphans = [key for key in chunks if _id_after(self._chunks, key) not in named]
        for key in orphans:
            await self._store.delete(key)
        return len(orphans)

    async def _ids(self, prefix: str) -> Sequence[str]:
        ids = {_id_after(prefix, key) for key in await self._store.keys(prefix)}
        return sorted(id for id in ids if _ID.fullmatch(id))

    async def _manifest(self, id: str) -> _Manifest:
        stored = await self._store.get(self._manifests + id) if _ID.fullmatch(id) else None
        if stored is None:
            raise KeyError(id)
        return _Manifest.unseal(id, stored, SnapshotDamaged)

    async def _verified(self, manifest: _Manifest) -> AsyncIterator[bytes]:
        for index, expected in enumerate(manifest.chunks):
            chunk = await self._store.get(self._chunk_key(manifest.id, index))
            if chunk is None:
                raise SnapshotDamaged(manifest.id, f"chunk {index} is missing")
            if len(chunk) != expected.size:
                raise SnapshotDamaged(manifest.id, f"chunk {index} has {len(chunk)} bytes, not {expected.size}")
            if await _sha256(chunk) != expected.sha256:
                raise SnapshotDamaged(manifest.id, f"chunk {index} has the wrong checksum")
            yield chunk

    async def _joined(self, manifest: _Manifest) -> bytes:
        joined = io.BytesIO()  # its getvalue() makes no second copy, as b"".join of all chunks would
        async for chunk in self._verified(manifest):
            joined.write(chunk)
        return joined.getvalue()

    async def _remembered(self, manifest: _Manifest) -> bytes:
        if manifest.memory is None:
            return b""
        memory = await self._store.get(self._memory_key(manifest.id))
        if memory is None or await _sha256(memory) != manifest.memory.sha256:
            raise SnapshotDamaged(manifest.id, "its memory of clients is missing or has the wrong checksum")
        return memory

    def _memory_key(self, id: str) -> str:
        return f"{self._chunks}{id}/memory"

    def _chunk_key(self, id: str, index: int) -> str:
        return f"{self._chunks}{id}/chunk-{index:05d}"


def _id_after(prefix: str, key: str) -> str:
    return key.removeprefix(prefix).partition("/")[0]


async def _sha256(data: bytes) -> str:
    return await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())  # tens of milliseconds for a chunk
