"""Run jobs, one after the other. Those that have not ended go on after a restart."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from service.auth.places import Places
from service.errors import EngineStopped, NotFound, problem_of
from service.jobs.catalog import JobCatalog, StoredJob
from service.jobs.job import Job, JobKind, JobStatus, now
from service.store.base import StoreError

_MOST_QUEUED = 100
_SAVE_SECONDS = 5.0  # between two savings of how far it is
_TELL_SECONDS = 0.25  # between two tellings of it
_LOOK_SECONDS = 1.0  # between two looks at the jobs of another server
_UNSAVED_REVISIONS = 100  # at most, that were told before a crash
_logger = logging.getLogger(__name__)

JobResult = dict[str, Any]
JobFunction = Callable[["JobContext"], Awaitable[JobResult]]


class JobContext:
    """What a running job may read and report."""

    def __init__(
        self, kept: StoredJob, catalog: JobCatalog, changed: Callable[[], None], secret: str | None = None
    ) -> None:
        self.id = kept.job.id
        self.secret = secret  # which is nowhere stored: after a restart there is none
        self.request = kept.job.request
        self.keys = kept.keys
        self._kept = kept
        self._catalog = catalog
        self._changed = changed
        self._told_at = self._saved_at = asyncio.get_running_loop().time()

    @property
    def metrics(self) -> dict[str, Any]:
        return self._kept.job.metrics

    @property
    def notes(self) -> dict[str, Any]:
        return self._kept.notes

    async def report(self, progress: float, **metrics: Any) -> None:
        """Report progress, as often as you like: followers hear of it, and it is saved, every so often."""
        job, now = self._kept.job, asyncio.get_running_loop().time()
        job.progress = min(1.0, max(job.progress, progress))
        job.metrics |= metrics
        if now - self._told_at >= _TELL_SECONDS:
            self._told_at = now
            self._changed()
        if now - self._saved_at >= _SAVE_SECONDS:
            self._saved_at = now
            with contextlib.suppress(StoreError):
                await self._catalog.save(self._kept)

    async def parcel(self) -> bytes | None:
        """Return what was put down for this job. Raises StoreError."""
        return await self._catalog.parcel(self.id)

    async def put_down(self, parcel: bytes) -> None:
        """Keep what is too much for notes until the job has ended. Raises StoreError."""
        await self._catalog.put_down(self.id, parcel)

    async def note(self, **notes: Any) -> None:
        """Save notes and all that was reported, for a restart; wait while the store is in trouble."""
        self._kept.notes |= notes
        await self._catalog.save_with_retry(self._kept)


class JobRunner:
    """The queue, on the loop. `kinds` run a job each, and may be cancelled at any moment or run again after a crash."""

    def __init__(self, catalog: JobCatalog, kinds: Mapping[JobKind, JobFunction], is_ready: Callable[[], bool]) -> None:
        self.on_changed: list[Callable[[Job], None]] = []  # called when it begins or ends
        self._catalog = catalog
        self._kinds = dict(kinds)
        self._is_ready = is_ready
        self._jobs: dict[str, StoredJob] = {}
        self._places = Places(_MOST_QUEUED, "jobs")
        self._spaces: dict[str, str] = {}  # of those who asked for the jobs that have not ended, by id
        self._secrets: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._running: tuple[str, asyncio.Task[JobResult]] | None = None
        self._cancelled: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load the jobs, and begin with the first that has not ended. Raises StoreError."""
        self._jobs = await self._catalog.load()
        for kept in self._jobs.values():
            if kept.job.status is JobStatus.RUNNING:  # it is not: nothing runs yet
                kept.job.status = JobStatus.QUEUED
            if not kept.job.has_ended:
                kept.job.revision += _UNSAVED_REVISIONS
                self._take_place(kept.job.id, "")  # who asked for it is not stored
        self._task = asyncio.create_task(self._run_all(), name="jobs")

    async def show(self) -> None:
        """Show the jobs that another server runs, as it stores them, until `stop`. Raises StoreError."""
        self._jobs = await self._catalog.load()
        self._task = asyncio.create_task(self._look(), name="jobs")

    async def stop(self) -> None:
        """Stop; the job that runs goes on at the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def add(
        self,
        kind: JobKind,
        request: dict[str, Any],
        space: str = "",
        *,
        secret: str | None = None,
        keys: Sequence[str | None] = (),
        parcel: bytes | None = None,
    ) -> Job:
        """Queue a job for the caller of `space`. Raises Overloaded, Limited and StoreError; then there is no job.

        The job alone is told the `secret`, which is not stored, and the `keys`, which are.
        """
        id = f"{int(max((*self._jobs, *self._spaces), default='0')) + 1:08d}"
        self._take_place(id, space)
        if secret is not None:
            self._secrets[id] = secret
        kept = StoredJob(job=Job(id=id, kind=kind, request=request, created_at=now()), keys=list(keys))
        try:
            if parcel is not None:
                await self._catalog.put_down(id, parcel)
            self._jobs[id] = kept
            await self._catalog.save(kept)
        except BaseException:
            self._jobs.pop(id, None)
            self._release_place(id)
            raise
        self._say(kept.job)
        with contextlib.suppress(StoreError):
            await self._catalog.forget_the_oldest(self._jobs)
        return kept.job

    async def again(self, id: str) -> Job:
        """Queue a job once more. Raises NotFound, Overloaded, Limited and StoreError."""
        job = self.get(id)
        return await self.add(job.kind, job.request, keys=self._jobs[id].keys)

    def take_on(self, kind: JobKind, run: JobFunction) -> None:
        """Run jobs of one more kind from now on; those that there are already have waited for this."""
        self._kinds[kind] = run
        self._wake()

    def all(self) -> list[Job]:
        """Return all jobs, oldest first."""
        return [kept.job for kept in self._jobs.values()]

    def get(self, id: str) -> Job:
        """Return a job. Raises NotFound."""
        if id not in self._jobs:
            raise NotFound("no job has this id")
        return self._jobs[id].job

    async def cancel(self, id: str) -> Job:
        """Cancel a job and wait for its end; nothing happens to one that has ended. Raises NotFound."""
        job = self.get(id)
        if job.has_ended:
            return job
        self._cancelled.add(id)
        if self._running is not None and self._running[0] == id:
            self._running[1].cancel()
        else:
            await self._end(self._jobs[id], JobStatus.CANCELLED)
        async for _ in self.follow(id):
            pass
        return job

    async def follow(self, id: str, after: int = -1, pause: float | None = None) -> AsyncGenerator[Job | None]:
        """Yield the job as it is, if newer than revision `after`, and after every change until it has ended.

        None after every `pause` seconds in which nothing changes.
        """
        while True:
            job = self.get(id)
            if job.revision > after:
                after = job.revision
                yield job
            elif job.has_ended:
                return
            else:
                try:
                    async with asyncio.timeout(pause):
                        await self._changed.wait()
                except TimeoutError:
                    yield None

    async def change(self) -> None:
        """Wait until a job has changed, or there is another."""
        await self._changed.wait()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            with contextlib.suppress(StoreError):
                self._jobs = await self._catalog.load()
                self._changed.set()
                self._changed = asyncio.Event()

    def _say(self, job: Job) -> None:
        job.revision += 1
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _run_all(self) -> None:
        while not self._is_ready():
            await asyncio.sleep(0.05)
        while True:
            waiting = [
                kept
                for id, kept in self._jobs.items()
                if kept.job.status is JobStatus.QUEUED and id not in self._cancelled and kept.job.kind in self._kinds
            ]
            if not waiting:
                await self._changed.wait()
                continue
            await self._run(waiting[0])

    async def _run(self, kept: StoredJob) -> None:
        job = kept.job
        job.status, job.started_at = JobStatus.RUNNING, job.started_at or now()
        self._tell(job)
        running = JobContext(kept, self._catalog, lambda: self._say(job), self._secrets.get(job.id))
        task = asyncio.ensure_future(self._kinds[job.kind](running))
        self._running = job.id, task
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:  # the server stops
            task.cancel()
            await asyncio.wait({task})
            raise
        finally:
            self._running = None
        if task.cancelled():
            await self._end(kept, JobStatus.CANCELLED)
        elif (error := task.exception()) is None:
            job.result, job.progress = task.result(), 1.0
            await self._end(kept, JobStatus.SUCCEEDED)
        elif isinstance(error, EngineStopped):  # it goes on when the net does
            await asyncio.Event().wait()
        else:
            if problem_of(error).status == 500:  # type: ignore[arg-type]
                _logger.error("job %s, a %s, has failed", job.id, job.kind, exc_info=error)
            job.error = problem_of(error)  # type: ignore[arg-type]
            await self._end(kept, JobStatus.FAILED)

    async def _end(self, kept: StoredJob, status: JobStatus) -> None:
        """Save how a job ended, then say so: a job that has ended is never run again."""
        job = kept.job
        ended = kept.model_copy(deep=True)
        ended.job.status, ended.job.finished_at = status, now()
        await self._catalog.save_with_retry(ended)
        await self._catalog.throw_away(job.id)
        job.status, job.finished_at = ended.job.status, ended.job.finished_at
        self._cancelled.discard(job.id)
        self._release_place(job.id)
        self._tell(job)

    def _take_place(self, id: str, space: str) -> None:
        self._places.take(space)
        self._spaces[id] = space

    def _release_place(self, id: str) -> None:
        self._secrets.pop(id, None)
        if (space := self._spaces.pop(id, None)) is not None:
            self._places.release(space)

    def _tell(self, job: Job) -> None:
        self._say(job)
        _logger.info("job %s, a %s: %s", job.id, job.kind, job.status)
        for listener in self.on_changed:
            listener(job)
