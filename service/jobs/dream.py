"""Run dreams: the net lives through a data set, in epochs, its targets forced on the outputs."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from realnet.outputs import OutputBatch
from service.datasets.catalog import DatasetCatalog
from service.datasets.manifest import Dataset
from service.engine.commands import Dream
from service.jobs.driver import JobDriver
from service.jobs.requests import DreamRequest
from service.jobs.runner import JobContext, JobResult
from service.jobs.slices import Cut, episode_batches
from service.replica.episode import Episode
from service.replica.progress import Progress

SLICE_TICKS = 256  # a client's input waits for one slice, some 10 ms
HARMED_BY_EPOCHS = (
    "a net of dendrites learns all of a text at once: each epoch after the first makes it predict others worse"
)
_EPOCH = 2**40  # in how far a job is: epochs before, and slices of this one


@dataclass(slots=True)
class PredictionErrors:
    """Compares what the outputs said with what was then forced on them."""

    ticks: int = 0
    sums: dict[str, float] = field(default_factory=dict)

    def add(self, said: Iterable[OutputBatch], episodes: list[Episode], every: int) -> None:
        """Count outputs of `episodes`; `every` is how many ticks an item of a net of frames has."""
        taught = [each.teachers for each in episodes if each.teachers is not None]
        for batch in said:
            count, sums = batch.tally(np.concatenate(taught) if taught else None, every)
            self.ticks += count
            for name, value in sums.items():
                self.sums[name] = self.sums.get(name, 0.0) + value

    def means(self, prefix: str = "") -> dict[str, float]:
        return {prefix + name: value / self.ticks for name, value in self.sums.items()} if self.ticks else {}


class DreamJob:
    def __init__(self, driver: JobDriver, datasets: DatasetCatalog, progress: Progress) -> None:
        self._driver = driver
        self._datasets = datasets
        self._progress = progress

    async def run(self, job: JobContext) -> JobResult:
        """Dream, from where the journal ends. Raises NotFound, Conflict or StoreError."""
        asked = DreamRequest.model_validate(job.request)
        async with self._datasets.hold(asked.dataset, f"job {job.id}") as dataset, self._driver.dreaming():
            return await self._dream(job, asked, dataset)

    async def _dream(self, job: JobContext, asked: DreamRequest, dataset: Dataset) -> JobResult:
        cut = Cut(
            SLICE_TICKS, self._driver.engine.interface.reach, asked.ticks_per_item, asked.input == "held", asked.seed
        )
        learnt = dataset.pieces - int(dataset.pieces * asked.validation)
        epochs: list[dict[str, Any]] = job.metrics.setdefault("epochs", [])
        first, skipped = divmod(self._progress.jobs.get(job.id, 0), _EPOCH)
        warned = {}
        if asked.epochs > 1 and self._driver.engine.interface.fit == "gains":
            warned = {"warning": HARMED_BY_EPOCHS}
            await job.report(0.0, **warned)
        if not epochs and learnt < dataset.pieces:
            await job.report(0.0, before=await self._asked(dataset, learnt, cut))
        for epoch in range(first, asked.epochs):
            errors, number = PredictionErrors(), 0
            async for each in episode_batches(self._datasets, dataset, 0, learnt, cut, epoch):
                number += 1
                if number <= skipped:
                    continue
                said = await self._driver.live(Dream(each.episodes, job.id, epoch * _EPOCH + number))
                errors.add(said, each.episodes, asked.ticks_per_item)
                await job.report((epoch + each.piece / learnt) / asked.epochs, **errors.means())
                await self._driver.give_way(each.ticks, asked.share)
            skipped = 0
            means = {"epoch": epoch + 1, **errors.means()}
            if learnt < dataset.pieces:
                means |= await self._asked(dataset, learnt, cut)
            del epochs[epoch:]
            epochs.append(means)
            await job.report((epoch + 1) / asked.epochs, epochs=epochs)
            await job.note()  # before the next epoch is in the journal
        return (epochs[-1] if epochs else {}) | warned

    async def _asked(self, dataset: Dataset, first: int, cut: Cut) -> dict[str, float]:
        """Return how well the net answers the part that is held out."""
        errors = PredictionErrors()
        async for each in episode_batches(self._datasets, dataset, first, dataset.pieces, cut, None):
            errors.add([await self._driver.ask(each.episodes)], each.episodes, cut.ticks_per_item)
        return errors.means("validation_")
