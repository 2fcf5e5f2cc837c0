"""The queue of jobs by itself."""

import asyncio
from pathlib import Path

import pytest

from service.jobs.catalog import JobCatalog
from service.jobs.job import JobStatus
from service.jobs.runner import JobContext, JobResult, JobRunner
from service.store import open_store

pytestmark = pytest.mark.anyio


async def test_who_follows_a_job_hears_when_nothing_changes(tmp_path: Path) -> None:
    store, may_end = open_store(f"file://{tmp_path}"), asyncio.Event()

    async def run(job: JobContext) -> JobResult:
        await may_end.wait()
        return {}

    jobs = JobRunner(JobCatalog(store, "default"), {"sleep": run}, lambda: True)
    await jobs.start()
    heard: list[JobStatus | None] = []
    async for job in jobs.follow((await jobs.add("sleep", {})).id, pause=0.01):
        heard.append(None if job is None else job.status)
        if heard[-1] is None:
            may_end.set()
    assert None in heard
    assert heard[-1] is JobStatus.SUCCEEDED
    await jobs.stop()
    await store.close()
