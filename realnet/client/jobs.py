"""Begin jobs, and hold on to them until they have ended."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Unpack

import msgspec

from realnet.client.errors import JobCancelled, JobFailed, RealNetError, Unreachable
from realnet.client.http import Http, events
from realnet.client.models import DaydreamOptions, DreamOptions, FitOptions, JobKind, JobState, JobStatus, SleepOptions
from realnet.client.pages import all_of

_LOOK_SECONDS = 0.5


class SeenJob:
    """A job as it was last seen."""

    @property
    def state(self) -> JobState:
        """Return all that is known of it."""
        raise NotImplementedError

    @property
    def id(self) -> str:
        return self.state.id

    @property
    def status(self) -> JobStatus:
        return self.state.status

    @property
    def progress(self) -> float:
        """Return how far it is, from 0 to 1."""
        return self.state.progress

    def __repr__(self) -> str:
        return f"<{self.state.kind} {self.id}: {self.status}, {self.progress:.0%}>"


class AsyncJob(SeenJob):
    """A job of a server, as it was last seen: `state`, which `refresh`, `follow`, `wait` and `result` renew."""

    def __init__(self, http: Http, state: JobState) -> None:
        self._http = http
        self._state = state

    @property
    def state(self) -> JobState:
        return self._state

    async def refresh(self) -> JobState:
        """Look at the job."""
        self._state = await self._http.ask(JobState, "GET", f"/v1/jobs/{self.id}")
        return self.state

    async def cancel(self) -> JobState:
        """Cancel the job, and return when it has ended; one that had ended before is left as it is."""
        path = f"/v1/jobs/{self.id}/cancel"
        self._state = await self._http.ask(JobState, "POST", path, is_repeatable=True)
        return self.state

    async def follow(self) -> AsyncIterator[JobState]:
        """Yield the job after each change until it has ended, over restarts of the server."""
        heard_at = asyncio.get_running_loop().time()
        while not self.state.has_ended:
            try:
                async for changed in self._changes():
                    heard_at = asyncio.get_running_loop().time()
                    if changed is not None:
                        self._state = changed
                        yield changed
            except RealNetError as error:
                is_passing = error.retry_after is not None or isinstance(error, Unreachable)
                if not is_passing or asyncio.get_running_loop().time() > heard_at + self._http.patience:
                    raise
            if not self.state.has_ended:
                await asyncio.sleep(_LOOK_SECONDS)

    async def wait(self, timeout: float | None = None) -> JobState:
        """Return when the job has ended, however it did. Raises TimeoutError; the job goes on then."""
        async with asyncio.timeout(timeout):
            async for _ in self.follow():
                pass
        return self.state

    async def result(self, timeout: float | None = None) -> Mapping[str, Any]:
        """Return what the job has made when it has succeeded. Raises JobFailed or JobCancelled."""
        state = await self.wait(timeout)
        if state.status == "cancelled":
            raise JobCancelled(f"job {self.id} was cancelled")
        if state.error is not None:
            raise JobFailed(f"job {self.id} has failed: ", state.error)
        return state.result or {}

    async def _changes(self) -> AsyncIterator[JobState | None]:
        headers = {"Last-Event-ID": str(self.state.revision)}
        async with self._http.answer("GET", f"/v1/jobs/{self.id}/events", headers=headers) as answer:
            async for event in events(answer):
                yield None if event is None else msgspec.json.decode(event[1], type=JobState)


class AsyncJobs:
    """The jobs of a server. A data set is named by its id."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def dream(self, dataset: str, **options: Unpack[DreamOptions]) -> AsyncJob:
        """Have the live net live through a data set, with its targets forced on the outputs."""
        return await self.begin("dream", {"dataset": dataset, **options})

    async def sleep(self, **options: Unpack[SleepOptions]) -> AsyncJob:
        """Have the live net live through its own past again, or, of dendrites, search for better contexts."""
        return await self.begin("sleep", options)

    async def fit(self, dataset: str, **options: Unpack[FitOptions]) -> AsyncJob:
        """Fit a fork of the net to a data set by backpropagation, and bring its synapses home."""
        return await self.begin("fit", {"dataset": dataset, **options})

    async def daydream(self, **options: Unpack[DaydreamOptions]) -> AsyncJob:
        """Have forks of the net talk freely; the result has `talks`, the newest of the plausible first.

        The net learns nothing of it.
        """
        return AsyncJob(self._http, await self._http.ask(JobState, "POST", "/v1/daydream", body=options))

    async def merge(self, peers: Mapping[str, str | None], every: int | None = None) -> AsyncJob:
        """Merge with nets of the same ancestor on other servers, by their URLs, each with a key of scope merge or None.

        Only lines travel. With `every` the net merges again after so many tokens.
        """
        body = {"peers": [{"url": url, "key": key} for url, key in peers.items()], "every": every}
        return AsyncJob(self._http, await self._http.ask(JobState, "POST", "/v1/merges", body=body))

    async def begin(self, kind: JobKind, request: Mapping[str, Any]) -> AsyncJob:
        """Begin a job of any kind but a daydream or a merge, with the fields that the API has for it."""
        return AsyncJob(self._http, await self._http.ask(JobState, "POST", f"/v1/jobs/{kind}", body=request))

    async def list(self) -> list[AsyncJob]:
        """Return the jobs, oldest first; of those that have ended, the last 100."""
        return [AsyncJob(self._http, state) for state in await all_of(JobState, self._http, "/v1/jobs")]

    async def get(self, id: str) -> AsyncJob:
        return AsyncJob(self._http, await self._http.ask(JobState, "GET", f"/v1/jobs/{id}"))
