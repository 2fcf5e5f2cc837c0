"""Bring home what a job has made of a fork of the net in another process: common to fits, searches and merges."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from service.aio import in_thread
from service.engine.commands import Merge, UpdateWeights
from service.engine.engine import Engine
from service.engine.pace import Mode
from service.errors import NotDurable, NotFound
from service.jobs.runner import JobContext
from service.journal.records import SnapshotRef
from service.replica.weight_update import lines_update_of, update_of
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.snapshot import Snapshot
from service.snapshots.snapshotter import Snapshotter

_RETRY_SECONDS = 1.0
_LOOK_SECONDS = 0.05


class Homecoming:
    """The way of a job's work from the net and back. Large files are in `directory`, or where the system has them."""

    def __init__(
        self, engine: Engine, snapshotter: Snapshotter, snapshots: SnapshotCatalog, directory: Path | None
    ) -> None:
        self.engine = engine
        self.snapshots = snapshots
        self.directory = directory
        self._snapshotter = snapshotter

    @asynccontextmanager
    async def forked(self, job: JobContext) -> AsyncIterator[Snapshot]:
        """Return the fork of this job: the net as it is, or after a crash as it was. Within the block it is kept."""
        try:
            fork = await self.saved(job, "fork") or await self._snapshotter.save()
            self.snapshots.held.add(fork.id)
            await job.note(fork=fork.id)
            yield fork
        finally:
            self.snapshots.held.clear()

    async def saved(self, job: JobContext, name: str) -> Snapshot | None:
        """Return the snapshot that the job has noted under this name, if it is still there; it is kept."""
        try:
            snapshot = await self.snapshots.get(job.notes.get(name) or "")
        except NotFound:
            return None
        self.snapshots.held.add(snapshot.id)
        return snapshot

    async def keep(self, job: JobContext, made: tuple[bytes, int, str], figures: dict[str, Any]) -> Snapshot:
        """Save what was made (its bytes, tick and SHA-256), and note it with its figures."""
        snapshot = await self.snapshots.save(*made, job=job.id)
        self.snapshots.held.add(snapshot.id)
        await job.note(fitted=snapshot.id, figures=figures)
        return snapshot

    def has_come_home(self, job: JobContext) -> bool:
        """Return whether what this job made came home before a crash."""
        return bool(job.notes.get("fitted")) and job.id in self.engine.progress.jobs

    async def bring(self, job: JobContext, fitted: Snapshot, fork: Snapshot | None) -> None:
        """Put what was made into the net at a tick boundary, journalled; with a `fork` only what has changed since it.

        Waits while the net is paused, or the journal cannot be written. Raises Conflict or EngineStopped.
        """
        base = None if fork is None else await self.snapshots.read(fork.id)
        data = await self.snapshots.read(fitted.id)
        update = await in_thread(lambda: update_of(data, base))
        await self._enter(lambda: UpdateWeights(update, job.id, ref_of(fitted), None if fork is None else ref_of(fork)))

    async def bring_lines(
        self, job: JobContext, merged: Snapshot, own: SnapshotRef | None, ancestor: SnapshotRef | None
    ) -> None:
        """Put merged lines into the net, likewise, with what it has learnt since the snapshot `own`; None: its birth.

        Raises Conflict if its ancestor is another by then.
        """
        before = None if own is None else await self.snapshots.read(own.id)
        data = await self.snapshots.read(merged.id)
        update = await in_thread(lambda: lines_update_of(data, before))
        await self._enter(lambda: Merge(update, job.id, ref_of(merged), own, ancestor))

    async def _enter(self, command: Callable[[], UpdateWeights | Merge]) -> None:
        while True:
            while self.engine.status.mode is Mode.PAUSED:
                await asyncio.sleep(_LOOK_SECONDS)
            try:
                return await self._snapshotter.update(command())
            except NotDurable:
                await asyncio.sleep(_RETRY_SECONDS)


def ref_of(snapshot: Snapshot) -> SnapshotRef:
    return SnapshotRef(snapshot.id, snapshot.sha256)
