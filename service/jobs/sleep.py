"""Run sleep: the net lives again through random stretches of its past, until an input wakes it.

Of nets of dendrites, which search in their sleep, only when they fall asleep is told here.
"""

import asyncio
import contextlib

from realnet.dendrites.search import LEAST_TOKENS
from service.engine.commands import Dream, SampleExperience
from service.errors import Refused
from service.jobs.driver import JobDriver
from service.jobs.requests import SleepRequest
from service.jobs.runner import JobContext, JobResult, JobRunner
from service.replica.experience import MOST_TOKENS
from service.replica.progress import Progress
from service.store.base import StoreError

_TICKS = 24  # of a stretch: an input that comes in sleep waits for one, some 1.4 ms
_AT_ONCE = 32
_QUIET_SECONDS = 1.0  # after which it falls asleep again
_LOOK_SECONDS = 0.25
_LEAST_OWED = 256  # ticks: it is not worth it for less


class SleepJob:
    def __init__(self, driver: JobDriver, progress: Progress) -> None:
        self._driver = driver
        self._progress = progress

    async def run(self, job: JobContext) -> JobResult:
        """Sleep, from where the journal ends. Raises Conflict, StoreError."""
        asked = SleepRequest.model_validate(job.request)
        if "ticks" not in job.notes:
            await job.note(ticks=self._progress.owed if asked.ticks is None else asked.ticks)
        ticks, wakings = int(job.notes["ticks"]), 0
        why = {} if ticks else {"why": "nothing was learnt since it slept last"}
        while (done := self._progress.jobs.get(job.id, 0)) < ticks:
            async with self._driver.dreaming():
                if not await self._sleep(job, asked, done, ticks):
                    why = {"why": "there is nothing that it lived through"}
                    break
            if self._progress.jobs.get(job.id, 0) < ticks:
                wakings += 1
                await self._driver.wait_for_quiet(_QUIET_SECONDS)
        return {"ticks": self._progress.jobs.get(job.id, 0), "wakings": wakings, **why}

    async def _sleep(self, job: JobContext, asked: SleepRequest, done: int, ticks: int) -> bool:
        """Sleep for `ticks`, or until an input comes. Return False if there is nothing to sleep on."""
        while done < ticks:
            drawn = SampleExperience(_AT_ONCE, _TICKS, self._driver.engine.interface.reach, [asked.seed, done])
            episodes = await self._driver.engine.ask(drawn)
            if not episodes:
                return False
            for episode in episodes:
                if self._driver.somebody_streams():
                    return True
                done += episode.ticks
                await self._driver.live(Dream([episode], job.id, done, asked.rate, asleep=True))
                await job.report(done / ticks, ticks=done)
                if done >= ticks:
                    break
        return True


async def sleep_when_rested(jobs: JobRunner, driver: JobDriver, progress: Progress, seconds: float) -> None:
    """Queue a sleep whenever no input has come for so long, and enough was learnt since the last one."""
    while True:
        await driver.wait_for_quiet(seconds)
        if (
            _is_tired(jobs, driver, progress)
            and driver.engine.status.plasticity
            and all(job.has_ended for job in jobs.all())
        ):
            with contextlib.suppress(Refused, StoreError):  # the store is in trouble, of which others tell
                await jobs.add("sleep", {})
        await asyncio.sleep(_LOOK_SECONDS)


def _is_tired(jobs: JobRunner, driver: JobDriver, progress: Progress) -> bool:
    """Return whether sleep is due; a search is whenever its life has doubled, and then for each experience in full."""
    if driver.engine.interface.sleep == "replay":
        return progress.owed >= _LEAST_OWED
    seen = driver.engine.status.tokens_seen
    slept = next((job.metrics.get("tokens_seen", 0) for job in reversed(jobs.all()) if job.kind == "sleep"), 0)
    slept = slept if slept <= seen else 0  # it was restored since
    return seen - slept >= min(max(slept, LEAST_TOKENS), MOST_TOKENS)
