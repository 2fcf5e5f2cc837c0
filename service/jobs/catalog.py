"""Where jobs are kept."""

import asyncio
import contextlib
import logging
from typing import Any

from pydantic import BaseModel, ValidationError

from service.jobs.job import Job
from service.store.base import Store, StoreError
from service.store.keys import NetKeys

_KEPT = 100  # that have ended
_STORE_SECONDS = 1.0  # until what could not be saved is tried again
_logger = logging.getLogger(__name__)


class StoredJob(BaseModel):
    """A job as stored. `notes` belong to its kind: what it needs to go on after a restart. `keys` are never shown."""

    job: Job
    notes: dict[str, Any] = {}
    keys: list[str | None] = []


class JobCatalog:
    """The jobs of the net `name`: a value in the store for each."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._prefix, self._parcels = NetKeys(name).jobs, NetKeys(name).parcels

    async def load(self) -> dict[str, StoredJob]:
        """Return all jobs, oldest first. Those of another version, which cannot be read, are left alone."""
        jobs = {}
        for key in await self._store.keys(self._prefix):
            with contextlib.suppress(ValidationError):
                kept = StoredJob.model_validate_json(await self._store.get(key) or b"")
                jobs[kept.job.id] = kept
        return jobs

    async def save(self, kept: StoredJob) -> None:
        await self._store.put(self._prefix + kept.job.id, kept.model_dump_json().encode())

    async def save_with_retry(self, kept: StoredJob) -> None:
        """Save a job, and try again for as long as the store is in trouble."""
        while True:
            try:
                return await self.save(kept)
            except StoreError as error:
                _logger.error("job %s cannot be saved: %s", kept.job.id, error)
                await asyncio.sleep(_STORE_SECONDS)

    async def parcel(self, id: str) -> bytes | None:
        """Return what was put down for a job, if there is anything."""
        return await self._store.get(self._parcels + id)

    async def put_down(self, id: str, parcel: bytes) -> None:
        """Keep what is too much for notes, until the job has ended."""
        await self._store.put(self._parcels + id, parcel)

    async def throw_away(self, id: str) -> None:
        with contextlib.suppress(StoreError):  # it is thrown away with the job then
            await self._store.delete(self._parcels + id)

    async def forget_the_oldest(self, jobs: dict[str, StoredJob]) -> None:
        """Delete the oldest jobs that have ended, where there are more than are kept."""
        ended = [id for id, kept in jobs.items() if kept.job.has_ended]
        for id in ended[:-_KEPT]:
            await self._store.delete(self._prefix + id)
            await self._store.delete(self._parcels + id)
            del jobs[id]
