"""Snapshots of the live net: on demand, every so often if something was learnt, and at a clean shutdown."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from math import inf
from typing import Any, TypeVar

from realnet import Checkpoint, from_checkpoint
from realnet.dendrites.device import Weights, for_device
from realnet.interface import Interface
from realnet.learners import Learner
from service.engine.clones import clone
from service.engine.commands import Merge, Restore, UpdateWeights
from service.engine.engine import Engine
from service.engine.rebase import Rebase
from service.errors import Conflict, ErrorLocation, Invalid, Refused
from service.journal.journal import LoggedJournal
from service.journal.position import JournalPosition
from service.journal.records import SnapshotRef
from service.replica.chronicle import Chronicle
from service.replica.experience import Experience
from service.replica.rebasing import parent_of
from service.replica.replica import ServiceState
from service.replica.sessions import Sessions, state_sha256
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.moving import over_the_parent
from service.snapshots.revive import revive, state_of
from service.snapshots.snapshot import UPLOAD, Snapshot, SnapshotDamaged
from service.store.base import StoreError

_FINAL_SECONDS = 4.0  # for the last snapshot: a shutdown ends within 10 s, whatever the store does
_MEND_SECONDS = 2.0
T = TypeVar("T")
_logger = logging.getLogger(__name__)


class Snapshotter:
    """Saves and restores the live net, by itself every so many seconds or ticks, whichever are over first; 0 is never.

    After a save the journal is trimmed: up to the oldest of the newest snapshots, records are needed no more.
    """

    def __init__(
        self,
        engine: Engine,
        catalog: SnapshotCatalog,
        seconds: float,
        ticks: int,
        journal: LoggedJournal | None = None,
    ) -> None:
        self.on_saved: list[Callable[[Snapshot], None]] = []
        self.saved = 0  # since the start
        self.failed = 0
        self.last_at: float | None = None  # seconds since 1970
        self.save_beside: Callable[[], Awaitable[None]] = _nothing  # what a snapshot's journal position speaks for, too
        self._engine = engine
        self._catalog = catalog
        self._journal = journal
        self._seconds, self._ticks = seconds, ticks
        self._saved_changes: int | None = engine.board.status.changes
        self._saving = asyncio.Lock()  # one copy of the net at a time
        self._hashing, self._shrinking = asyncio.Lock(), asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._place: JournalPosition | None = None  # of the last snapshot
        self._lost = 0  # up to this record the journal may have lost some
        self._has_lost = asyncio.Event()

    def start(self) -> None:
        if self._seconds or self._ticks:
            self._tasks.append(asyncio.create_task(self._save_every_so_often(), name="snapshotter"))
        self._tasks.append(asyncio.create_task(self._mend(), name="mending"))

    def write_to(self, journal: LoggedJournal) -> None:
        """Trim this journal from now on, which another server wrote until now."""
        self._journal = journal

    async def stop(self, save: bool = True) -> None:
        """Stop the clock and, if `save`, take a last snapshot unless the newest one already has all that was learnt."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not save:
            return
        if self._journal is not None and self._journal.failure is not None:
            self._saved_changes = None  # the store may be gone, and with it the newest snapshot
        try:
            async with asyncio.timeout(_FINAL_SECONDS):
                await self._save_what_is_new()
        except TimeoutError:
            _logger.error("no last snapshot: the store took more than %g s", _FINAL_SECONDS)

    async def save(self, kept: bool = False, name: str | None = None) -> Snapshot:
        """Save the net as it is now. One that is not `kept` goes when there are newer ones.

        Raises StoreError, SnapshotDamaged, Conflict or EngineStopped; the net goes on in any case.
        """
        async with self._saving:
            try:
                snapshot = await self._save(kept, name)
            except (StoreError, SnapshotDamaged):
                self.failed += 1
                raise
        self.saved += 1
        self.last_at = time.time()
        _logger.info("snapshot %s at tick %d, %d bytes", snapshot.id, snapshot.tick, snapshot.bytes)
        for listener in self.on_saved:
            listener(snapshot)
        return snapshot

    async def take_in(
        self, data: bytes, name: str | None = None, life: ServiceState | None = None, job: str = UPLOAD
    ) -> Snapshot:
        """Keep the bytes of a snapshot of such a net, from here or elsewhere, to be restored. The net stays as it is.

        What a job has brought, perhaps with its life, is not kept for long. Raises Invalid, Conflict or StoreError.
        """

        def looked_into() -> tuple[Interface, int, str, str | None]:
            checkpoint = Checkpoint.from_bytes(data)
            tick, digest = checkpoint.tick, checkpoint.state_sha256()
            interface = from_checkpoint(checkpoint, parent=parent_of(checkpoint, self._catalog.descent)).interface
            if life is not None:
                _check_is_life(life, interface)
            return interface, tick, digest, checkpoint.config.get("parent")

        async with self._saving:
            try:
                interface, tick, digest, parent = await asyncio.to_thread(looked_into)
            except ValueError as error:
                raise Invalid([ErrorLocation(detail=str(error), pointer="")]) from error
            self._check_is_like(interface)
            kept, memory = job == UPLOAD, b"" if life is None else life.to_bytes()
            return await self._catalog.save(data, tick, digest, memory, job=job, kept=kept, name=name, parent=parent)

    async def for_device(self, id: str, size: int | None, weights: Weights) -> bytes:
        """Return a snapshot's net made smaller, as `realnet.dendrites.device` does, in the bytes of one.

        Raises NotFound, SnapshotDamaged, StoreError, or Conflict for a net of which there is no smaller one.
        """
        async with self._shrinking:  # one net more in memory at a time
            data = await self._catalog.read(id)
            try:
                return await asyncio.to_thread(
                    lambda: for_device(Checkpoint.from_bytes(data), size, weights).to_bytes()
                )
            except ValueError as error:
                raise Conflict(f"no smaller net can be made of snapshot {id}: {error}") from error

    def journal_has_lost(self) -> None:
        """Save a snapshot now: the journal lost records, and a start is refused until one has them."""
        if self._journal is not None:
            self._lost = self._journal.last
            self._has_lost.set()

    async def restore(self, id: str, device: str) -> Snapshot:
        """Put the net back to a snapshot. Raises NotFound, Conflict, StoreError or EngineStopped."""
        async with self._saving:
            snapshot, command = await self._restoring(id, device)
            await self._engine.ask(command)
        _logger.info("restored snapshot %s, tick %d", id, snapshot.tick)
        return snapshot

    async def replace(self, id: str, device: str, job: str, before: Snapshot) -> Snapshot:
        """Put the net to a snapshot that a job has brought, then take one; return what the net was until then, kept.

        That is `before`, which was taken for it, or another in its place if the net has lived on since. If cancelled
        once the engine has begun, it is done all the same. Raises as `restore`, with nothing changed.
        """
        async with self._saving:
            snapshot, command = await self._restoring(id, device, job)
            await _to_its_end(self._engine.ask(command))
            _logger.info("snapshot %s, which job %s has brought, is the net from tick %d on", id, job, snapshot.tick)
            assert command.before is not None
            try:
                before = await _to_its_end(self._exact(before, *command.before, job))
            except (StoreError, Refused) as error:
                _logger.error("what the net was taught after snapshot %s is lost: %s", before.id, error)
        await _to_its_end(self._save_what_is_new())
        return before

    async def _exact(self, before: Snapshot, checkpoint: Checkpoint, state: ServiceState, job: str) -> Snapshot:
        """Return `before` if it is what the checkpoint is, else a snapshot of that in its place."""
        data, digest = await asyncio.to_thread(_bytes_of, checkpoint, state)
        if digest == before.state_sha256:
            return before
        await self._catalog.change(before.id, kept=False)
        memory = state.to_bytes()
        return await self._catalog.save(  # by its job none that a start would begin with
            data, checkpoint.tick, digest, memory, job=job, kept=True, name=before.name
        )

    async def _restoring(self, id: str, device: str, job: str | None = None) -> tuple[Snapshot, Restore]:
        snapshot = await self._catalog.get(id)
        learner = await revive(snapshot, await self._catalog.read(id), device, self._catalog.descent)
        self._check_is_like(learner.interface)
        state = state_of(snapshot, await self._catalog.memory(id))
        snapshot, state = await over_the_parent(self._catalog, snapshot, learner, state)
        id = snapshot.id
        if self._journal is not None:
            self._catalog.pinned.add(id)
        restore = Restore(learner, SnapshotRef(id, snapshot.sha256), job)
        if state is not None:
            restore.chronicle, restore.lived = state.chronicle, state if job else None
            restore.sessions = None if job else _sessions_of(snapshot, learner, state)
        return snapshot, restore

    async def rebase(self, command: Rebase) -> None:
        """Put a child over another parent, then take a snapshot.

        If cancelled once the engine has begun, it goes over all the same. Raises Conflict, NotDurable or EngineStopped;
        and StoreError where no snapshot could be taken before.
        """
        descent = self._catalog.descent
        assert descent is not None, "only a child is asked"
        async with self._saving:
            if descent.is_new:  # a start goes by one record from a parent to another, not by two
                await self._save(False, None)
            tick = await _to_its_end(self._engine.ask(command))
            descent.parent, descent.is_new = command.parent, True
        _logger.info("the net went on over the parent %s at tick %d", command.parent.sha256, tick)
        await _to_its_end(self._save_what_is_new())

    async def update(self, command: UpdateWeights | Merge) -> None:
        """Put what a job has made into the net, then take a snapshot.

        If cancelled once the engine has begun, the net changes all the same. Raises Conflict, NotDurable or
        EngineStopped.
        """
        async with self._saving:
            if self._journal is not None:
                self._catalog.pinned |= {named.id for named in (command.fitted, command.fork) if named is not None}
            tick = await _to_its_end(self._engine.ask(command))
        _logger.info("snapshot %s, which job %s has made, came home at tick %d", command.fitted.id, command.job, tick)
        await _to_its_end(self._save_what_is_new())

    async def hashes(self) -> tuple[str, str]:
        """Return the SHA-256 of the weights, and of everything that a snapshot holds, at one tick."""
        async with self._hashing:
            checkpoint, state = await clone(self._engine)
            return await asyncio.to_thread(
                lambda: (checkpoint.weights_sha256(), state_sha256(checkpoint, state.sessions))
            )

    def _check_is_like(self, interface: Interface) -> None:
        if not interface.is_like(self._engine.interface):
            raise Conflict("the snapshot is of a net with other inputs or outputs")

    async def _save(self, kept: bool, name: str | None) -> Snapshot:
        changes = self._engine.board.status.changes  # read before the clone: what comes in between is saved once more
        checkpoint, memory = await clone(self._engine)
        await self.save_beside()
        data, digest = await asyncio.to_thread(_bytes_of, checkpoint, memory)
        parent = checkpoint.config.get("parent")
        place = None if memory.place is None else memory.place.seq
        snapshot = await self._catalog.save(
            data, checkpoint.tick, digest, memory.to_bytes(), place, kept=kept, name=name, parent=parent
        )
        self._saved_changes, self._place = changes, memory.place
        if self._catalog.descent is not None:
            self._catalog.descent.is_new = False
        if self._journal is not None and (oldest := await self._catalog.oldest_position()) is not None:
            self._journal.trim(oldest + 1)
        return snapshot

    async def _save_what_is_new(self) -> None:
        if self._engine.board.status.changes == self._saved_changes:
            return
        try:
            await self.save()
        except (StoreError, Refused) as error:
            _logger.error("no snapshot: %s", error)

    async def _save_every_so_often(self) -> None:
        board, has_come = self._engine.board, asyncio.Event()
        board.on_ticks = has_come.set
        while True:
            board.ticks_due = board.status.ticks_computed + (self._ticks or inf)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds or None):
                    await has_come.wait()
            has_come.clear()
            await self._save_what_is_new()

    async def _mend(self) -> None:
        while await self._has_lost.wait():
            self._has_lost.clear()
            lost = self._lost
            try:
                await self.save()
            except (StoreError, Refused) as error:
                _logger.error("the journal has lost records, and no snapshot that has them: %s", error)
            else:
                assert self._place is not None
                if self._place.half == 0 or self._place.seq >= lost:
                    _logger.info("what the journal has lost is in the snapshot")
                    continue
            self._has_lost.set()
            await asyncio.sleep(_MEND_SECONDS)


async def _nothing() -> None:
    """Do nothing."""


def _bytes_of(checkpoint: Checkpoint, state: ServiceState) -> tuple[bytes, str]:
    """Return the bytes of a snapshot, and the hash of everything."""
    return checkpoint.to_bytes(), state_sha256(checkpoint, state.sessions)


def _sessions_of(snapshot: Snapshot, learner: Learner, state: ServiceState) -> Sessions:
    try:
        return Sessions(learner, state.sessions)
    except ValueError as error:
        raise SnapshotDamaged(snapshot.id, f"a session of it is not of its net: {error}") from error


def _check_is_life(life: ServiceState, interface: Interface) -> None:
    """Raise ValueError unless a net with this interface can go on with what another server tells of its life."""
    try:
        Chronicle(interface.vocabulary, life.chronicle)
        if Experience.of(life.experience).is_of(interface):
            return
    except (KeyError, ValueError):
        pass
    raise ValueError("what is told of its life is not of such a net")


async def _to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Finish `work` even if the caller is cancelled; be cancelled only if it then fails."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if task.exception() is not None:
            raise
        return task.result()
