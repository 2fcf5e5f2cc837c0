"""Fits in the test's own process: run as the queue runs them, with a child that only acts the part of their process."""

import hashlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from realnet import Checkpoint
from realnet.interface import Interface
from service.datasets.catalog import DatasetCatalog
from service.datasets.upload import Format, Upload
from service.jobs.catalog import JobCatalog, StoredJob
from service.jobs.fit import FitJob
from service.jobs.homecoming import Homecoming
from service.jobs.job import Job, now
from service.jobs.runner import JobContext
from service.store import open_store
from tests.datasets.dataset_reading import FRAMES
from tests.runtime.life import Life, living

ROWS = [[0.0, 0.5, 1.0, 1.0, 0.0], [1.0, 0.0, 0.25, 0.0, 1.0]] * 3
FITTED = {"epochs": 2, "before": {"loss": 0.5}, "after": {"loss": 0.25}}


async def add(catalog: DatasetCatalog, content: bytes, format: Format, shape: Interface, **columns: Any) -> str:
    """Add a data set of that content and return its id."""
    name = hashlib.sha256(content).hexdigest()
    dataset, _ = await catalog.add(Upload(io.BytesIO(content), len(content), name, "x", format, **columns), shape)
    return dataset.id


@dataclass
class Child:
    """Acts the part of a fit's process: moves each weight by 0.125 and returns `figures`, or raises `error`."""

    figures: dict[str, Any] = field(default_factory=lambda: dict(FITTED))
    error: BaseException | None = None
    data: tuple[str, int] = ("inputs.npy", len(ROWS))
    runs: int = 0
    meanwhile: Callable[[], Awaitable[Any]] | None = None

    async def __call__(
        self, worker: str, directory: Path, report: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> dict[str, Any]:
        self.runs += 1
        await report({"epoch": 0.0, "progress": 0.5, "loss": 0.5})
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.error is not None:
            raise self.error
        file, length = self.data
        assert len(np.load(directory / file)) == length
        state = Checkpoint.from_bytes((directory / "fork.safetensors").read_bytes()).state()
        fitted = np.clip(state.stored_weights() + np.float32(0.125), -2, 2)
        safetensors.numpy.save_file({"weights": fitted}, directory / "made.safetensors")
        return self.figures


@dataclass
class Fits:
    """A living net, and fits of it."""

    life: Life
    datasets: DatasetCatalog
    jobs: JobCatalog
    dataset: str
    directory: Path
    kept: dict[str, StoredJob] = field(default_factory=dict)

    async def run(self, id: str = "00000001", **request: Any) -> dict[str, Any]:
        """Run a fit as the queue does; an `id` that was run before is a job that is run again after a crash."""
        request = {"dataset": self.dataset} | request
        job = Job(id=id, kind="fit", request=request, created_at=now())
        kept = self.kept.setdefault(id, StoredJob(job=job))
        self.directory.mkdir(exist_ok=True)
        home = Homecoming(self.life.engine, self.life.snapshotter, self.life.catalog, self.directory)
        fitting = FitJob(home, self.datasets)
        try:
            return await fitting.run(JobContext(kept, self.jobs, lambda: None))
        finally:
            assert self.life.catalog.held == set()
            assert list(self.directory.iterdir()) == []

    async def weights(self) -> str:
        return (await self.life.snapshotter.hashes())[0]

    async def weights_of(self, id: str) -> str:
        return Checkpoint.from_bytes(await self.life.catalog.read(id)).weights_sha256()


@asynccontextmanager
async def fits(url: str, directory: Path) -> AsyncIterator[Fits]:
    """Bring a net of frames to life that has run one input, with a data set to fit it to."""
    store = open_store(url)
    datasets = DatasetCatalog(store, 9, 2**20, "default")
    lines = "a,b,c,d,e\n" + "\n".join(",".join(map(str, row)) for row in ROWS)
    columns = {"inputs": ("a", "b", "c"), "targets": ("d", "e")}
    dataset = await add(datasets, lines.encode(), "csv", FRAMES, **columns)
    async with living(url) as life:
        await life.run(1)
        yield Fits(life, datasets, JobCatalog(store, "default"), dataset, directory / "fits")
    await store.close()
