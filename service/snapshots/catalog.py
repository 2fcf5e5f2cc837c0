"""Snapshots of a net: written in chunks, verified, then made visible by one atomic put of their manifest."""

import asyncio
import contextlib
import io
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime

from service.errors import Conflict, NotFound
from service.replica.birth import Descent
from service.snapshots.snapshot import Chunk, Manifest, Snapshot, SnapshotDamaged
from service.store.base import Store, StoreError
from service.store.chunked import ChunkedValues, sha256_of
from service.store.keys import NetKeys, memory_key

CHUNK_BYTES = 16 * 2**20  # a Redis value is at most 512 MB, and a call has seconds

_JOBS_KEPT = 3  # snapshots that jobs made, beside those of the net

_ID = re.compile(r"[0-9]{8}")
_logger = logging.getLogger(__name__)


class SnapshotCatalog:
    """The snapshots of the net `name`, owned by one process; another one may keep one that is to have children.

    Users have at most `most_kept` of them kept, until they delete them. Of the others the newest `retention` stay, and
    beside these the newest few that jobs made; those are never taken for the net's own.

    An id is a sequence number of 8 digits and is never given twice, so the newest snapshot has the greatest id
    whatever the clocks did. Whoever gives an id may get NotFound; every method may raise StoreError.
    """

    def __init__(
        self,
        store: Store,
        retention: int,
        name: str,
        *,
        most_kept: int,
        chunk_bytes: int = CHUNK_BYTES,
        descent: Descent | None = None,
    ) -> None:
        """`descent` makes the net a child: its snapshots are of what is its own, and open with its parent."""
        if retention < 1:
            raise ValueError(f"retention is {retention}, must be at least 1")
        self._store = store
        self.retention = retention
        self._most_kept = most_kept
        self._chunk_bytes = chunk_bytes
        self._keys = keys = NetKeys(name)
        self._values = ChunkedValues(
            store, chunks=keys.snapshots, manifests=keys.manifests, kind=Manifest, id=_ID, damaged=SnapshotDamaged
        )
        self._lock = asyncio.Lock()  # one save, change, deletion or sweep at a time
        self.pinned: set[str] = set()  # the journal needs them until the next one is saved
        self.held: set[str] = set()  # a job needs them
        self.ancestor: Callable[[], str | None] = lambda: None  # stays, so that the net may merge with others
        self.descent = descent
        self.children: Callable[[str], Awaitable[int]] = _no_children  # how many nets are children of a snapshot

    async def save(
        self,
        data: bytes,
        tick: int,
        state_sha256: str,
        memory: bytes = b"",
        position: int | None = None,
        job: str | None = None,
        kept: bool = False,
        name: str | None = None,
        parent: str | None = None,
    ) -> Snapshot:
        """Write and verify a snapshot, make it visible, then delete those that are older than the newest `retention`.

        `memory` is stored with it, and is no part of its bytes; `position` is the journal's last record that is in it;
        `parent` is the hash of what it is over, of a child.
        Retention counts whole manifests and does not look into chunks, so a snapshot damaged after its save counts.
        Raises SnapshotDamaged if the store does not give back what was written, and Conflict where no more may be
        kept; then nothing has become visible.
        """
        async with self._lock:
            if kept:
                await self._check_room()
            manifest = Manifest(
                id=await self._next_id(),
                tick=tick,
                created_at=datetime.now(UTC),
                bytes=len(data),
                sha256=await sha256_of(data),
                state_sha256=state_sha256,
                job=job,
                kept=kept,
                name=name,
                chunks=tuple([await _chunk_of(part) for part in self._parts(data)]),
                memory=await _chunk_of(memory) if memory else None,
                place=position,
                parent=parent,
            )
            try:
                await self._write(manifest, data, memory)
            except (StoreError, SnapshotDamaged):
                with contextlib.suppress(StoreError):  # the first error tells more; the next save or start tries again
                    await self._values.sweep()
                raise
            await self._values.publish(manifest)
            try:
                await self._retire()
            except StoreError as error:
                _logger.warning("old snapshots stay until the next save: %s", error)
        if job is None:
            self.pinned.clear()
        return manifest.snapshot()

    async def change(self, id: str, **changes: bool | str | None) -> Snapshot:
        """Set `kept` or `name`, or both.

        Raises SnapshotDamaged, and Conflict where no more may be kept, or one with children would be kept no longer.
        """
        async with self._lock:
            manifest = await self._manifest(id)
            if changes.get("kept") and not manifest.kept:
                await self._check_room()
            if changes.get("kept") is False:
                await self._check_has_no_children(id)
            changed = await self._change(id, changes)
            if changes.get("kept") is False and await self.children(id):  # of another process, made meanwhile
                await self._change(id, {"kept": True})
                await self._check_has_no_children(id)
        return changed.snapshot()

    async def get(self, id: str) -> Snapshot:
        """Return what is known of a snapshot. Raises SnapshotDamaged if its manifest is; chunks are not looked at."""
        return (await self._manifest(id)).snapshot()

    async def chunks(self, id: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a snapshot, each chunk verified before it is handed on. Raises SnapshotDamaged.

        A generator: nothing is raised, not even for an unknown id, before the first chunk is asked for. It may be as
        slow as a client, so it locks nothing: a snapshot deleted in the meantime ends as damaged, its chunk missing.
        """
        async for chunk in self._verified(await self._manifest(id)):
            yield chunk

    async def read(self, id: str) -> bytes:
        """Return all bytes of a snapshot, verified. Raises SnapshotDamaged."""
        async with self._lock:  # nothing is deleted while it is read
            return await _joined(self._verified(await self._manifest(id)))

    async def memory(self, id: str) -> bytes:
        """Return what was stored beside a snapshot, verified; nothing if there was none. Raises SnapshotDamaged."""
        return await self._remembered(await self._manifest(id))

    async def delete(self, id: str) -> None:
        """Delete a snapshot, a damaged one, too. Raises Conflict where it is needed."""
        async with self._lock:
            if id not in await self._values.ids():
                raise _not_found()
            if id in self.pinned:
                raise Conflict(f"the net goes on from snapshot {id}, which is needed until the next one is saved")
            if id in self.held:
                raise Conflict(f"snapshot {id} is in use by a job")
            await self._check_has_no_children(id)
            withdrawn = await self._withdrawn(id)
            if withdrawn is not None and await self.children(id):  # of another process, made meanwhile
                await self._values.publish(withdrawn)
                await self._check_has_no_children(id)
            await self._values.sweep()

    async def oldest_position(self) -> int | None:
        """Return the journal position of the oldest of the newest `retention` snapshots of the net.

        Records after it may be needed, if the newer ones are damaged. None where all may be: one has no position, or
        there is only one though there may be more. Older ones that users keep do not count: the journal would grow for
        as long as they are kept.
        """
        own = [manifest for manifest in await self._values.whole() if manifest.job is None]
        positions = [manifest.position for manifest in own[-self.retention :]]
        known = [position for position in positions if position is not None]
        return min(known) if len(positions) == len(known) >= min(2, self.retention) else None

    async def newest_good(self) -> tuple[tuple[Snapshot, bytes] | None, list[SnapshotDamaged]]:
        """Return the newest snapshot of the net that verifies, with its bytes, or None; and the damage of newer ones.

        The damage is told newest first.
        """
        damaged: list[SnapshotDamaged] = []
        async with self._lock:
            for id in reversed(await self._values.ids()):
                try:
                    manifest = await self._manifest(id)
                    if manifest.job is not None:
                        continue
                    await self._remembered(manifest)
                    return (manifest.snapshot(), await _joined(self._verified(manifest))), damaged
                except SnapshotDamaged as error:
                    damaged.append(error)
        return None, damaged

    async def list(self) -> list[Snapshot]:
        """Return all, oldest first. A snapshot whose manifest is damaged is left out; `newest_good` reports it."""
        return [manifest.snapshot() for manifest in await self._values.whole()]

    async def sweep(self) -> int:
        """Remove the chunks that no manifest names, left by a crash, and return their number; call it at start."""
        async with self._lock:
            return await self._values.sweep()

    async def needs(self, parent: str, now: str) -> bool:
        """Return whether a child that is over the parent `now` still needs another, for what is kept or for a start.

        Which it does until a snapshot is over `now`: before that a start goes by the journal, from one parent to the
        other. All are told by their hashes.
        """
        manifests = await self._values.whole()
        own = [each.parent for each in manifests if each.job is None]
        return own[-1:] != [now] or any(each.kept and each.parent in (parent, None) for each in manifests)

    async def _change(self, id: str, changes: dict[str, bool | str | None]) -> Manifest:
        found = await self._values.change(id, lambda manifest: manifest.model_copy(update=changes))
        if found is None or found[1] is None:
            raise _not_found()
        return found[1]

    async def _withdrawn(self, id: str, unless_kept: bool = False) -> Manifest | None:
        """Delete a manifest, unless somebody has had it kept, and return it; None of one that was damaged, or stays."""
        try:
            found = await self._values.change(id, lambda it: it if unless_kept and it.kept else None)
        except SnapshotDamaged:
            await self._values.withdraw(id)
            return None
        return found[0] if found is not None and found[1] is None else None

    async def _check_room(self) -> None:
        if sum(each.kept for each in await self.list()) >= self._most_kept:
            raise Conflict(
                f"{self._most_kept} snapshots are kept, and no more may be: delete one, or keep it no longer"
            )

    async def _check_has_no_children(self, id: str) -> None:
        if count := await self.children(id):
            raise Conflict(f"snapshot {id} stays as long as it has children, and it has {count}: delete them first")

    async def _next_id(self) -> str:
        last = (await self._store.get(self._keys.last_snapshot_id) or b"").decode(errors="replace")
        known = [last, *await self._values.ids(), *await self._values.folders()]
        id = f"{int(max((id for id in known if _ID.fullmatch(id)), default='0')) + 1:08d}"
        await self._store.put(self._keys.last_snapshot_id, id.encode())
        return id

    def _parts(self, data: bytes) -> Iterator[bytes]:
        return (data[start : start + self._chunk_bytes] for start in range(0, len(data), self._chunk_bytes))

    async def _write(self, manifest: Manifest, data: bytes, memory: bytes) -> None:
        """Put all but the manifest, and read it again."""
        for index, part in enumerate(self._parts(data)):
            await self._values.put_chunk(manifest.id, index, part)
        if memory:
            await self._store.put(memory_key(self._keys.snapshots + manifest.id), memory)
        async for _ in self._verified(manifest):  # after the last put: a full Redis may evict one chunk for another
            pass
        await self._remembered(manifest)

    async def _retire(self) -> None:
        """Delete what is not kept, is not needed, and is older than the newest; of damaged ones, what is older."""
        whole = await self.list()
        own = [each.id for each in whole if each.job is None and not each.kept]
        of_jobs = [each.id for each in whole if each.job is not None and not each.kept]
        oldest_kept = own[-self.retention] if len(own) > self.retention else ""
        kept = {*(each.id for each in whole if each.kept), *of_jobs[-_JOBS_KEPT:], *self.pinned, *self.held}
        kept.add(self.ancestor() or "")
        for id in await self._values.ids():
            if (id < oldest_kept or id in of_jobs) and id not in kept:
                await self._withdrawn(id, unless_kept=True)
        await self._values.sweep()

    async def _manifest(self, id: str) -> Manifest:
        manifest = await self._values.find(id)
        if manifest is None:
            raise _not_found()
        return manifest

    async def _verified(self, manifest: Manifest) -> AsyncIterator[bytes]:
        for index, chunk in enumerate(manifest.chunks):
            yield await self._values.chunk(manifest.id, manifest.id, index, chunk.sha256, chunk.size)

    async def _remembered(self, manifest: Manifest) -> bytes:
        if manifest.memory is None:
            return b""
        memory = await self._store.get(memory_key(self._keys.snapshots + manifest.id))
        if memory is None or await sha256_of(memory) != manifest.memory.sha256:
            raise SnapshotDamaged(manifest.id, "its memory of clients is missing or has the wrong checksum")
        return memory


async def _no_children(_: str) -> int:
    return 0


async def _chunk_of(data: bytes) -> Chunk:
    return Chunk(size=len(data), sha256=await sha256_of(data))


async def _joined(chunks: AsyncIterator[bytes]) -> bytes:
    joined = io.BytesIO()  # its getvalue() makes no second copy, as b"".join of all chunks would
    async for chunk in chunks:
        joined.write(chunk)
    return joined.getvalue()


def _not_found() -> NotFound:
    return NotFound("no snapshot has this id")
