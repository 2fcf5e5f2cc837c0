"""Run fits: train a fork of the net by backpropagation in a process of its own, and bring its weights home."""

import math
from pathlib import Path
from typing import Any

import safetensors
import safetensors.numpy

from realnet import Checkpoint, LiveNet, from_checkpoint
from service.aio import in_thread
from service.datasets.catalog import DatasetCatalog
from service.errors import JobFailed
from service.jobs.fit_files import write_data, write_fork
from service.jobs.homecoming import Homecoming
from service.jobs.process import FORK, MADE, run_process, workplace
from service.jobs.requests import FitRequest
from service.jobs.runner import JobContext, JobResult
from service.snapshots.snapshot import Snapshot


class FitJob:
    def __init__(self, home: Homecoming, datasets: DatasetCatalog) -> None:
        self._home = home
        self._datasets = datasets

    async def run(self, job: JobContext) -> JobResult:
        """Fit, and commit the weights; after a crash, begin again from the fork or go on with what was fitted.

        Raises NotFound, Invalid, Conflict, JobFailed or StoreError.
        """
        asked = FitRequest.model_validate(job.request)
        if self._home.has_come_home(job):
            return _result(job, committed=True)
        async with self._home.forked(job) as fork:
            fitted = await self._home.saved(job, "fitted") or await self._fit(job, asked, fork)
            return await self._commit(job, asked, fork, fitted)

    async def _fit(self, job: JobContext, asked: FitRequest, fork: Snapshot) -> Snapshot:
        async def report(figures: dict[str, Any]) -> None:
            await job.report(figures.pop("progress"), **figures)

        async with workplace(self._home.directory) as directory:
            await self._write_data(job, asked, directory)
            await self._write_fork(fork, asked, directory)
            figures = await run_process("fit", directory, report)
            made = await in_thread(lambda: _made(directory))
        return await self._home.keep(job, made, figures)

    async def _write_data(self, job: JobContext, asked: FitRequest, directory: Path) -> None:
        vocabulary = self._home.engine.interface.vocabulary
        async with self._datasets.hold(asked.dataset, f"job {job.id}") as dataset:
            await write_data(directory, self._datasets, dataset, None if vocabulary is None else vocabulary.size)

    async def _write_fork(self, fork: Snapshot, asked: FitRequest, directory: Path) -> None:
        data = await self._home.snapshots.read(fork.id)
        await in_thread(lambda: write_fork(directory, data, asked.options()))

    async def _commit(self, job: JobContext, asked: FitRequest, fork: Snapshot, fitted: Snapshot) -> JobResult:
        was, is_now = (job.notes["figures"][name]["loss"] for name in ("before", "after"))
        if self._home.engine.interface.fit == "gains" and (is_now is None or is_now >= was):
            short = "" if is_now is None else f" by {(is_now - was) / math.log(2):.4f} bits a token"
            return _result(job, committed=False, why=f"it fell short{short} on what was held out")
        if asked.commit == "none":
            return _result(job, committed=False, why="commit is none")
        if not asked.force and (is_now is None or (was is not None and is_now > was)):
            return _result(job, committed=False, why="the fit has made the loss worse: force commits it all the same")
        await self._home.bring(job, fitted, fork if asked.commit == "rebase" else None)
        return _result(job, committed=True)


def _made(directory: Path) -> tuple[bytes, int, str]:
    """Put the fitted weights into the fork; return it as a snapshot, its tick and its state's SHA-256."""
    try:
        learner = from_checkpoint(Checkpoint.from_bytes((directory / FORK).read_bytes()))
        arrays = safetensors.numpy.load_file(directory / MADE)
        if isinstance(learner.net, LiveNet):
            learner.net.adopt(arrays["weights"], alive=arrays.get("alive"))
        else:
            learner.net.refit(arrays["weights"])
    except (OSError, safetensors.SafetensorError, KeyError, ValueError) as error:
        raise JobFailed(f"what the fit's process has left is of no use: {error}") from error
    checkpoint = learner.checkpoint()
    return checkpoint.to_bytes(), checkpoint.tick, checkpoint.state_sha256()


def _result(job: JobContext, committed: bool, **others: Any) -> JobResult:
    notes = job.notes
    return {"committed": committed, "snapshot": notes["fitted"], "fork": notes["fork"], **notes["figures"], **others}
