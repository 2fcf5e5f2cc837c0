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
    """`notes` are its kind's own: what it needs to go on after a restart."""

    job: Job
    notes: dict[str, Any] = {}


class JobCatalog:
    """The jobs of the net `name`: a value in the store for each."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._prefix = NetKeys(name).jobs

    async def load(self) -> dict[str, StoredJob]:
        """All of them, oldest first. What cannot be read, as that of another version, is left alone."""
        jobs = {}
        for key in await self._store.keys(self._prefix):
            with contextlib.suppress(ValidationError):
                kept = StoredJob.model_validate_json(await self._store.get(key) or b"")
                jobs[kept.job.id] = kept
        return jobs

    async def save(self, kept: StoredJob) -> None:
        await self._store.put(self._prefix + kept.job.id, kept.model_dump_json().encode())

    async def save_surely(self, kept: StoredJob) -> None:
        """Waits while the store is in trouble."""
        while True:
            try:
                return await self.save(kept)
            except StoreError as error:
                _logger.error("job %s cannot be saved: %s", kept.job.id, error)
                await asyncio.sleep(_STORE_SECONDS)

    async def forget_the_oldest(self, jobs: dict[str, StoredJob]) -> None:
        """Of those that have ended."""
        ended = [id for id, kept in jobs.items() if kept.job.has_ended]
        for id in ended[:-_KEPT]:
            await self._store.delete(self._prefix + id)
            del jobs[id]
