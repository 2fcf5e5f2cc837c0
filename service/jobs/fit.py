"""Run fits: train a fork of the net by backpropagation in a process of its own, and bring its weights home."""

import asyncio
from pathlib import Path
from typing import Any

import safetensors
import safetensors.numpy

from realnet import Checkpoint, LiveNet, from_checkpoint
from service.aio import in_thread
from service.datasets.catalog import DatasetCatalog
from service.engine.commands import UpdateWeights
from service.engine.engine import Engine
from service.engine.pace import Mode
from service.errors import JobFailed, NotDurable, NotFound
from service.jobs.fit_process import FITTED, FORK, run_process, workplace, write_data, write_fork
from service.jobs.requests import FitRequest
from service.jobs.runner import JobContext, JobResult
from service.journal.records import SnapshotRef
from service.replica.weight_update import WeightUpdate
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.snapshot import Snapshot
from service.snapshots.snapshotter import Snapshotter

_RETRY_SECONDS = 1.0
_LOOK_SECONDS = 0.05


class FitJob:
    """Runs fits. Their files are in `directory`, or where the system has temporary files."""

    def __init__(
        self,
        engine: Engine,
        snapshotter: Snapshotter,
        snapshots: SnapshotCatalog,
        datasets: DatasetCatalog,
        directory: Path | None,
    ) -> None:
        self._engine = engine
        self._snapshotter = snapshotter
        self._snapshots = snapshots
        self._datasets = datasets
        self._directory = directory

    async def run(self, job: JobContext) -> JobResult:
        """Fit, and commit the weights; after a crash, begin again from the fork or go on with what was fitted.

        Raises NotFound, Invalid, Conflict, JobFailed or StoreError.
        """
        asked = FitRequest.model_validate(job.request)
        if "fitted" in job.notes and job.id in self._engine.progress.jobs:  # it came home before the crash
            return _result(job, committed=True)
        try:
            fork = await self._saved(job, "fork") or await self._snapshotter.save()
            self._snapshots.held.add(fork.id)
            await job.note(fork=fork.id)
            fitted = await self._saved(job, "fitted") or await self._fit(job, asked, fork)
            self._snapshots.held.add(fitted.id)
            return await self._commit(job, asked, fork, fitted)
        finally:
            self._snapshots.held.clear()

    async def _saved(self, job: JobContext, name: str) -> Snapshot | None:
        """Return the snapshot that the job has noted under this name, if it is still there."""
        try:
            return await self._snapshots.get(job.notes.get(name, ""))
        except NotFound:
            return None

    async def _fit(self, job: JobContext, asked: FitRequest, fork: Snapshot) -> Snapshot:
        async def report(figures: dict[str, Any]) -> None:
            await job.report(figures.pop("progress"), **figures)

        async with workplace(self._directory) as directory:
            await self._write_data(job, asked, directory)
            await self._write_fork(fork, asked, directory)
            figures = await run_process(directory, report)
            made = await in_thread(lambda: _made(directory))
        fitted = await self._snapshots.save(*made, job=job.id)
        self._snapshots.held.add(fitted.id)
        await job.note(fitted=fitted.id, figures=figures)
        return fitted

    async def _write_data(self, job: JobContext, asked: FitRequest, directory: Path) -> None:
        vocabulary = self._engine.interface.vocabulary
        async with self._datasets.hold(asked.dataset, f"job {job.id}") as dataset:
            await write_data(directory, self._datasets, dataset, None if vocabulary is None else vocabulary.size)

    async def _write_fork(self, fork: Snapshot, asked: FitRequest, directory: Path) -> None:
        data = await self._snapshots.read(fork.id)
        await in_thread(lambda: write_fork(directory, data, asked.options()))

    async def _commit(self, job: JobContext, asked: FitRequest, fork: Snapshot, fitted: Snapshot) -> JobResult:
        was, is_now = (job.notes["figures"][name]["loss"] for name in ("before", "after"))
        if asked.commit == "none":
            return _result(job, committed=False, why="commit is none")
        if not asked.force and (is_now is None or (was is not None and is_now > was)):
            return _result(job, committed=False, why="the fit has made the loss worse: force commits it all the same")
        base = await self._snapshots.read(fork.id) if asked.commit == "rebase" else None
        data = await self._snapshots.read(fitted.id)
        update = await in_thread(lambda: WeightUpdate.of(data, base))
        named = [SnapshotRef(each.id, each.sha256) for each in (fitted, fork)]
        while True:
            while self._engine.status.mode is Mode.PAUSED:
                await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self._snapshotter.update_weights(
                    UpdateWeights(update, job.id, named[0], None if base is None else named[1])
                )
                return _result(job, committed=True)
            except NotDurable:
                await asyncio.sleep(_RETRY_SECONDS)


def _made(directory: Path) -> tuple[bytes, int, str]:
    """Put the fitted weights into the fork; return it as a snapshot, its tick and its state's SHA-256."""
    try:
        learner = from_checkpoint(Checkpoint.from_bytes((directory / FORK).read_bytes()))
        arrays = safetensors.numpy.load_file(directory / FITTED)
        if not isinstance(learner.net, LiveNet):
            raise ValueError("it has no matrix to fit")
        learner.net.adopt(arrays["weights"], alive=arrays.get("alive"))
    except (OSError, safetensors.SafetensorError, KeyError, ValueError) as error:
        raise JobFailed(f"what the fit's process has left is of no use: {error}") from error
    checkpoint = learner.checkpoint()
    return checkpoint.to_bytes(), checkpoint.tick, checkpoint.state_sha256()


def _result(job: JobContext, committed: bool, **others: Any) -> JobResult:
    notes = job.notes
    return {"committed": committed, "snapshot": notes["fitted"], "fork": notes["fork"], **notes["figures"], **others}
