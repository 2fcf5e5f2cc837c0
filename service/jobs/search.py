"""Run the sleep of nets of dendrites: search, in a process of its own, for a wiring that predicts better."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from realnet import Checkpoint
from service.aio import in_thread
from service.errors import Conflict, JobFailed
from service.jobs.homecoming import Homecoming
from service.jobs.process import FORK, MADE, OPTIONS, TOKENS, run_process, workplace
from service.jobs.requests import SleepRequest
from service.jobs.runner import JobContext, JobResult
from service.replica.experience import Experience
from service.replica.replica import ServiceState
from service.snapshots.snapshot import Snapshot


class SearchJob:
    def __init__(self, home: Homecoming) -> None:
        self._home = home

    async def run(self, job: JobContext) -> JobResult:
        """Search, and wake with what was found; after a crash, begin again from the fork or go on with what was found.

        Raises Conflict, JobFailed or StoreError.
        """
        if self._home.has_come_home(job):
            return _result(job)
        status = self._home.engine.status
        await job.report(0.0, tokens_seen=status.tokens_seen)  # then it sleeps again only on more than that
        if not status.plasticity:
            raise Conflict("plasticity is off: PATCH /v1/net turns it on")
        async with self._home.forked(job) as fork:
            found = await self._home.saved(job, "fitted")
            if found is None and (job.notes.get("fitted") or "figures" not in job.notes):  # none yet, or it is gone
                found = await self._search(job, fork)
            if found is not None:
                await self._home.bring(job, found, None)
            return _result(job)

    async def _search(self, job: JobContext, fork: Snapshot) -> Snapshot | None:
        async def report(figures: dict[str, Any]) -> None:
            await job.report(figures.pop("progress"), **figures)

        asked = SleepRequest.model_validate(job.request)
        async with workplace(self._home.directory) as directory:
            await self._write(fork, asked.contexts, directory)
            figures = await run_process("search", directory, report)
            made = await in_thread(lambda: made_in(directory))
        if made is None:
            await job.note(fitted=None, figures=figures)
            return None
        return await self._home.keep(job, made, figures)

    async def _write(self, fork: Snapshot, contexts: list[str], directory: Path) -> None:
        """Write the fork, what it lived through, and the contexts that are to be tried, if not those of a search."""
        data, memory = await self._home.snapshots.read(fork.id), await self._home.snapshots.memory(fork.id)

        def write() -> None:
            (directory / FORK).write_bytes(data)
            (directory / OPTIONS).write_text(json.dumps(contexts))
            np.save(directory / TOKENS, Experience.of(ServiceState.from_bytes(memory).experience).tokens())

        await in_thread(write)


def made_in(directory: Path) -> tuple[bytes, int, str] | None:
    """Return what was made as a snapshot, its tick and its state's SHA-256; None if nothing was better."""
    if not (directory / MADE).exists():
        return None
    data = (directory / MADE).read_bytes()
    try:
        checkpoint = Checkpoint.from_bytes(data)
    except ValueError as error:
        raise JobFailed(f"what the job's process has left is of no use: {error}") from error
    return data, checkpoint.tick, checkpoint.state_sha256()


def _result(job: JobContext) -> JobResult:
    notes, found = job.notes, job.notes.get("fitted")
    changed = {"snapshot": found, "fork": notes["fork"]} if found else {}
    return {"changed": bool(found), **notes["figures"], **changed}
