"""Ask a server of everything that its API has, and wait for the answer: each call is that of `AsyncClient`."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self

from realnet.client.asynchronous import AsyncClient
from realnet.client.blocking import Blocking, blocking, blocking_iterator, run
from realnet.client.datasets import AsyncDatasets
from realnet.client.jobs import AsyncJob, AsyncJobs
from realnet.client.models import JobState, JobStatus
from realnet.client.snapshots import AsyncSnapshots

P = ParamSpec("P")


class Client(Blocking):
    """A server, by default that of `REALNET_URL`, with the key `REALNET_KEY`. Every call may raise RealNetError.

    Refusals that end by themselves (429, 503) are waited for, `patience` seconds at most in one call; where a
    connection breaks, calls are sent again that change nothing or are learnt once. An answer has to begin within
    `timeout` seconds.

    Attributes:
        datasets: what can be asked of data sets.
        jobs: the same of jobs: dreams, sleeps and fits.
        snapshots: the same of snapshots.
    """

    def __init__(
        self, url: str | None = None, key: str | None = None, *, patience: float = 30.0, timeout: float = 60.0
    ) -> None:
        asynchronous = AsyncClient(url, key, patience=patience, timeout=timeout)
        super().__init__(asynchronous)
        self.server = asynchronous.server
        self.datasets = Datasets(asynchronous.datasets)
        self.jobs = Jobs(asynchronous.jobs)
        self.snapshots = Snapshots(asynchronous.snapshots)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    close = blocking(AsyncClient.close)
    health = blocking(AsyncClient.health)
    ready = blocking(AsyncClient.ready)
    metrics = blocking(AsyncClient.metrics)
    net = blocking(AsyncClient.net)
    change = blocking(AsyncClient.change)
    explain = blocking(AsyncClient.explain)
    send = blocking(AsyncClient.send)
    run = blocking(AsyncClient.run)
    outputs = blocking(AsyncClient.outputs)
    generate = blocking(AsyncClient.generate)
    generate_stream = blocking_iterator(AsyncClient.generate_stream)


class Datasets(Blocking):
    """The data sets of a server."""

    upload = blocking(AsyncDatasets.upload)
    list = blocking(AsyncDatasets.list)
    get = blocking(AsyncDatasets.get)
    delete = blocking(AsyncDatasets.delete)


class Snapshots(Blocking):
    """The snapshots of the live net."""

    save = blocking(AsyncSnapshots.save)
    list = blocking(AsyncSnapshots.list)
    get = blocking(AsyncSnapshots.get)
    change = blocking(AsyncSnapshots.change)
    download = blocking(AsyncSnapshots.download)
    restore = blocking(AsyncSnapshots.restore)
    delete = blocking(AsyncSnapshots.delete)


class Job(Blocking):
    """A job of a server, as it was last seen: `state`, which `refresh`, `follow`, `wait` and `result` renew."""

    _asynchronous: AsyncJob

    @property
    def state(self) -> JobState:
        return self._asynchronous.state

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
        return repr(self._asynchronous)

    refresh = blocking(AsyncJob.refresh)
    cancel = blocking(AsyncJob.cancel)
    follow = blocking_iterator(AsyncJob.follow)
    wait = blocking(AsyncJob.wait)
    result = blocking(AsyncJob.result)


def _beginning(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, AsyncJob]],
) -> Callable[Concatenate[Any, P], Job]:
    """Make the method that returns the `Job` for the job that `method` returns."""

    @wraps(method)
    def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Job:
        return Job(run(method(self._asynchronous, *args, **kwargs)))

    return call


class Jobs(Blocking):
    """The jobs of a server. A data set is named by its id."""

    dream = _beginning(AsyncJobs.dream)
    sleep = _beginning(AsyncJobs.sleep)
    fit = _beginning(AsyncJobs.fit)
    begin = _beginning(AsyncJobs.begin)
    get = _beginning(AsyncJobs.get)

    def list(self) -> list[Job]:
        """Return the jobs, oldest first; of those that have ended, the last 100."""
        return [Job(each) for each in run(self._asynchronous.list())]
