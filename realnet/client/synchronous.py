"""Ask a server of everything that its API has, and wait for the answer: each call is that of `AsyncClient`."""

from collections.abc import Iterator
from copy import copy
from typing import Any, Self

from realnet.client.asynchronous import AsyncClient
from realnet.client.blocking import Blocking, blocking, blocking_iterator, delegating, iterate, returning, run
from realnet.client.datasets import AsyncDatasets
from realnet.client.hooks import AsyncHooks
from realnet.client.jobs import AsyncJob, AsyncJobs, SeenJob
from realnet.client.links import AsyncLinks
from realnet.client.models import JobState, Net
from realnet.client.nets import AsyncNets
from realnet.client.outputs import Outputs
from realnet.client.sessions import AsyncSessions
from realnet.client.snapshots import AsyncSnapshots
from realnet.client.stream import AsyncStream
from realnet.client.streams import AsyncStreams
from realnet.client.watch import AsyncWatch


class Stream(Blocking):
    """A stream of inputs and outputs: a context manager, at whose end all that was sent is learnt.

    It is what `AsyncStream` is. Attributes are those that have the same names there.
    """

    _asynchronous: AsyncStream

    def __enter__(self) -> Self:
        run(self._asynchronous.__aenter__())
        return self

    def __exit__(self, *raised: Any) -> None:
        run(self._asynchronous.__aexit__(*raised))

    def __iter__(self) -> Iterator[Outputs]:
        """Yield the outputs that come, until the stream is finished."""
        return iterate(aiter(self._asynchronous))

    @property
    def client_id(self) -> str | None:
        return self._asynchronous.client_id

    @property
    def net(self) -> Net:
        return self._asynchronous.net

    @property
    def last_seq(self) -> int:
        return self._asynchronous.last_seq

    @property
    def learnt(self) -> int:
        return self._asynchronous.learnt

    @property
    def dropped(self) -> int:
        return self._asynchronous.dropped

    send = blocking(AsyncStream.send)
    send_many = blocking(AsyncStream.send_many)
    flush = blocking(AsyncStream.flush)
    finish = blocking(AsyncStream.finish)
    messages = blocking_iterator(AsyncStream.messages)


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
    memory = blocking(AsyncSnapshots.memory)
    upload = blocking(AsyncSnapshots.upload)
    restore = blocking(AsyncSnapshots.restore)
    delete = blocking(AsyncSnapshots.delete)


class Job(SeenJob, Blocking):
    """A job of a server, as it was last seen: `state`, which `refresh`, `follow`, `wait` and `result` renew."""

    _asynchronous: AsyncJob

    @property
    def state(self) -> JobState:
        return self._asynchronous.state

    refresh = blocking(AsyncJob.refresh)
    cancel = blocking(AsyncJob.cancel)
    follow = blocking_iterator(AsyncJob.follow)
    wait = blocking(AsyncJob.wait)
    result = blocking(AsyncJob.result)


class Jobs(Blocking):
    """The jobs of a server. A data set is named by its id."""

    dream = returning(Job, blocking(AsyncJobs.dream))
    sleep = returning(Job, blocking(AsyncJobs.sleep))
    fit = returning(Job, blocking(AsyncJobs.fit))
    daydream = returning(Job, blocking(AsyncJobs.daydream))
    merge = returning(Job, blocking(AsyncJobs.merge))
    begin = returning(Job, blocking(AsyncJobs.begin))
    get = returning(Job, blocking(AsyncJobs.get))

    def list(self) -> list[Job]:
        """Return the jobs, oldest first; of those that have ended, the last 100."""
        return [Job(each) for each in run(self._asynchronous.list())]


class Hooks(Blocking):
    """Where a server sends the events of its streams."""

    add = blocking(AsyncHooks.add)
    list = blocking(AsyncHooks.list)
    delete = blocking(AsyncHooks.delete)
    test = blocking(AsyncHooks.test)


class Links(Blocking):
    """The links of a server's net."""

    begin = blocking(AsyncLinks.begin)
    list = blocking(AsyncLinks.list)
    cut = blocking(AsyncLinks.cut)


class Nets(Blocking):
    """The nets of a server. `net_named` of the client talks with one."""

    list = blocking(AsyncNets.list)
    create = blocking(AsyncNets.create)
    get = blocking(AsyncNets.get)
    change = blocking(AsyncNets.change)
    rebase = returning(Job, blocking(AsyncNets.rebase))
    merge = returning(Job, blocking(AsyncNets.merge))
    delete = blocking(AsyncNets.delete)


class Sessions(Blocking):
    """The sessions of a server's net. An input that names one makes it."""

    list = blocking(AsyncSessions.list)
    forget = blocking(AsyncSessions.forget)


class Streams(Blocking):
    """The streams that the server watches. `observe` of the client makes one by its first rows."""

    list = blocking(AsyncStreams.list)
    get = blocking(AsyncStreams.get)
    make = blocking(AsyncStreams.make)
    change = blocking(AsyncStreams.change)
    delete = blocking(AsyncStreams.delete)
    rows = blocking(AsyncStreams.rows)
    feedback = blocking(AsyncStreams.feedback)


class Watch(Blocking):
    """What can be seen of the net of a server. Conflict is raised where a net has no such thing."""

    history = blocking(AsyncWatch.history)
    anchors = blocking(AsyncWatch.anchors)
    activity = blocking(AsyncWatch.activity)
    expected = blocking(AsyncWatch.expected)
    matrix = blocking(AsyncWatch.matrix)
    token_texts = blocking(AsyncWatch.token_texts)


class Client(Blocking):
    """A server, by default that of `REALNET_URL`, with the key `REALNET_KEY`. Every call may raise RealNetError.

    All calls are of one of its nets: `net`, or else that of `REALNET_NET`, or else the server's own, `default`.

    Refusals that end by themselves (429, 503) are waited for, `patience` seconds at most in one call; where a
    connection breaks, calls are sent again that change nothing or are learnt once. An answer has to begin within
    `timeout` seconds.

    Attributes:
        datasets: what can be asked of data sets.
        hooks: the same of where the events of streams are sent.
        jobs: the same of jobs: dreams, sleeps and fits.
        links: the same of links with the nets of other servers.
        nets: the same of the server's nets: to list, create, change and delete them.
        sessions: the same of sessions, short-term memories of their own.
        snapshots: the same of snapshots.
        streams: the same of streams that the server watches.
        watch: what can be seen of the net while it lives.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        net: str | None = None,
        patience: float = 30.0,
        timeout: float = 60.0,
    ) -> None:
        self._use(AsyncClient(url, key, net=net, patience=patience, timeout=timeout))

    def _use(self, asynchronous: AsyncClient) -> None:
        super().__init__(asynchronous)
        self.server = asynchronous.server
        self.datasets = Datasets(asynchronous.datasets)
        self.hooks = Hooks(asynchronous.hooks)
        self.jobs = Jobs(asynchronous.jobs)
        self.links = Links(asynchronous.links)
        self.nets = Nets(asynchronous.nets)
        self.sessions = Sessions(asynchronous.sessions)
        self.snapshots = Snapshots(asynchronous.snapshots)
        self.streams = Streams(asynchronous.streams)
        self.watch = Watch(asynchronous.watch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def net_named(self, name: str) -> Self:
        """Return a client of another net of the server. Both share their connections: who closes one closes both."""
        client = copy(self)
        client._use(self._asynchronous.net_named(name))
        return client

    close = blocking(AsyncClient.close)
    health = blocking(AsyncClient.health)
    ready = blocking(AsyncClient.ready)
    me = blocking(AsyncClient.me)
    metrics = blocking(AsyncClient.metrics)
    net = blocking(AsyncClient.net)
    about = blocking(AsyncClient.about)
    change = blocking(AsyncClient.change)
    grow = blocking(AsyncClient.grow)
    shrink = blocking(AsyncClient.shrink)
    cluster = blocking(AsyncClient.cluster)
    hive = blocking(AsyncClient.hive)
    promote = blocking(AsyncClient.promote)
    takeover = returning(Job, blocking(AsyncClient.takeover))
    journal = blocking(AsyncClient.journal)
    explain = blocking(AsyncClient.explain)
    send = blocking(AsyncClient.send)
    run = blocking(AsyncClient.run)
    outputs = blocking(AsyncClient.outputs)
    observe = blocking(AsyncClient.observe)
    events = blocking(AsyncClient.events)
    generate = blocking(AsyncClient.generate)
    generate_stream = blocking_iterator(AsyncClient.generate_stream)
    stream = returning(Stream, delegating(AsyncClient.stream))
