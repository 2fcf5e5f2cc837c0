"""Put every kind of job together."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from service.aio import in_thread
from service.datasets.catalog import DatasetCatalog
from service.engine.engine import Engine
from service.engine.inbox import Inbox
from service.engine.output_ring import OutputRing
from service.jobs.ancestry import Ancestry
from service.jobs.catalog import JobCatalog
from service.jobs.daydream import DaydreamJob
from service.jobs.dream import DreamJob
from service.jobs.driver import JobDriver
from service.jobs.fit import FitJob
from service.jobs.homecoming import Homecoming
from service.jobs.job import JobKind
from service.jobs.merge import MergeJob, merge_again
from service.jobs.process import remove_leftovers
from service.jobs.runner import JobFunction, JobRunner
from service.jobs.search import SearchJob
from service.jobs.sleep import SleepJob, sleep_when_rested
from service.jobs.takeover import TakeoverJob
from service.replica.progress import Progress
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.snapshotter import Snapshotter
from service.store.base import Store


class OpenJobs(NamedTuple):
    """The jobs of a net, and what drives those that the net lives through."""

    runner: JobRunner
    driver: JobDriver
    ancestry: Ancestry


def open_jobs(
    name: str,
    store: Store,
    *,
    engine: Engine,
    inbox: Inbox,
    outputs: OutputRing,
    datasets: DatasetCatalog,
    snapshots: SnapshotCatalog,
    snapshotter: Snapshotter,
    directory: Path | None,
    device: str,
    largest: int,
) -> OpenJobs:
    """Put the jobs of the net `name` together. Their large files are in `directory`, or where the system has such.

    `device` computes the net; a snapshot from elsewhere has at most `largest` bytes.
    """
    driver, progress = JobDriver(engine, inbox, outputs), engine.progress
    home, ancestry = Homecoming(engine, snapshotter, snapshots, directory), Ancestry(engine, snapshotter, snapshots)
    dreaming, fitting = DreamJob(driver, datasets, progress), FitJob(home, datasets)
    sleeping = SearchJob(home) if engine.interface.sleep == "search" else SleepJob(driver, progress)
    kinds: Mapping[JobKind, JobFunction] = {
        "dream": dreaming.run,
        "sleep": sleeping.run,
        "fit": fitting.run,
        "daydream": DaydreamJob(engine).run,
        "takeover": TakeoverJob(home, snapshotter, device, largest).run,
        "merge": MergeJob(home, ancestry).run,
    }
    return OpenJobs(JobRunner(JobCatalog(store, name), kinds, lambda: inbox.ready), driver, ancestry)


@asynccontextmanager
async def running(
    jobs: OpenJobs, progress: Progress, directory: Path | None, sleep_after: float
) -> AsyncIterator[None]:
    """Go on with the jobs that have not ended. `sleep_after` is in seconds, 0 for never. Raises StoreError."""
    if directory is not None:
        await in_thread(lambda: remove_leftovers(directory))
    await jobs.runner.start()
    tasks = [asyncio.create_task(merge_again(jobs.runner, jobs.driver.engine), name="merges")]
    if sleep_after:
        sleeping = sleep_when_rested(jobs.runner, jobs.driver, progress, sleep_after)
        tasks.append(asyncio.create_task(sleeping, name="sleep"))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await jobs.runner.stop()
