"""Ask a server of everything that its API has, with `await`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, Unpack
from uuid import uuid4

import msgspec

from realnet.client.about import About
from realnet.client.cluster import Cluster, Shard
from realnet.client.datasets import AsyncDatasets
from realnet.client.errors import ConnectionLost, Problem, error_of
from realnet.client.files import download
from realnet.client.hive import Hive
from realnet.client.hooks import AsyncHooks
from realnet.client.http import Http, events
from realnet.client.jobs import AsyncJob, AsyncJobs
from realnet.client.link import OnWait
from realnet.client.links import AsyncLinks
from realnet.client.models import (
    Accepted,
    Explanation,
    Generated,
    Health,
    InputContent,
    JobState,
    Level,
    Me,
    Net,
    OutputsPage,
    Piece,
    Prompt,
    Ran,
)
from realnet.client.nets import AsyncNets
from realnet.client.server import Server
from realnet.client.sessions import AsyncSessions
from realnet.client.snapshots import AsyncSnapshots
from realnet.client.stream import AsyncStream
from realnet.client.streams import AsyncStreams, EventsPage, Observed, Row
from realnet.client.watch import AsyncWatch

T = TypeVar("T")


class AsyncClient:
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
        self._use(Http(Server.of(url, key, net), patience, timeout))

    def _use(self, http: Http) -> None:
        self._http, self.server = http, http.server
        self.datasets = AsyncDatasets(self._http)
        self.hooks = AsyncHooks(self._http)
        self.jobs = AsyncJobs(self._http)
        self.links = AsyncLinks(self._http)
        self.nets = AsyncNets(self._http)
        self.sessions = AsyncSessions(self._http)
        self.snapshots = AsyncSnapshots(self._http)
        self.streams = AsyncStreams(self._http)
        self.watch = AsyncWatch(self._http)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.close()

    def net_named(self, name: str) -> Self:
        """Return a client of another net of the server. Both share their connections: who closes one closes both."""
        client = copy(self)
        client._use(self._http.of_net(name))
        return client

    async def health(self) -> Health:
        """Return whether the process answers."""
        return await self._http.ask(Health, "GET", "/healthz")

    async def ready(self) -> Health:
        """Return when the net ticks and can learn; NotReady is waited for like any passing refusal."""
        return await self._http.ask(Health, "GET", "/readyz")

    async def me(self) -> Me:
        """Return whom the server takes the caller for."""
        return await self._http.ask(Me, "GET", "/v1/me")

    async def metrics(self) -> str:
        """Return the metrics as Prometheus reads them."""
        async with self._http.answer("GET", "/metrics") as answer:
            return (await answer.aread()).decode()

    async def net(self, hash: bool = False) -> Net:
        """Describe the net; with `hash`, also by the SHA-256 of its weights and of its whole state."""
        return await self._http.ask(Net, "GET", "/v1/net", query={"hash": hash or None})

    async def about(self, since: str | None = None, remember: bool = False) -> About:
        """Return what the net can say of itself.

        With a snapshot's id as `since` also what has changed since it, and with `remember` what it still makes of what
        it lived: both take some tenths of a second.
        """
        return await self._http.ask(About, "GET", "/v1/self", query={"since": since, "remember": remember or None})

    async def change(
        self,
        *,
        learning_rate: float | None = None,
        plasticity: bool | None = None,
        tick_hz: float | None = None,
        paused: bool | None = None,
        self_loop: bool | None = None,
    ) -> Net:
        """Change what is given, and return the net as it is then."""
        change = {
            "learning_rate": learning_rate,
            "plasticity": plasticity,
            "tick_hz": tick_hz,
            "paused": paused,
            "self_loop": self_loop,
        }
        body = {name: value for name, value in change.items() if value is not None}
        return await self._http.ask(Net, "PATCH", "/v1/net", body=body, is_repeatable=True)

    async def grow(self, lines: int | None = None, contexts: Sequence[str] = ()) -> Net:
        """Give a net of dendrites room for so many lines, dendrites for more contexts, or both; return it then."""
        body = ({} if lines is None else {"lines": lines}) | {"contexts": list(contexts)}
        return await self._http.ask(Net, "POST", "/v1/net/grow", body=body)

    async def shrink(self, lines: int) -> Net:
        """Have a net of dendrites go on with so many lines, those that were used most; return it as it is then."""
        return await self._http.ask(Net, "POST", "/v1/net/shrink", body={"lines": lines})

    async def cluster(self) -> list[Shard]:
        """Return where the shards of a cluster are, which its gateways know."""
        return (await self._http.ask(Cluster, "GET", "/v1/cluster")).shards

    async def hive(self) -> Hive:
        """Tell of the servers that live by one journal: who leads, and how far each is."""
        return await self._http.ask(Hive, "GET", "/v1/hive")

    async def promote(self) -> Hive:
        """Have this server lead, once its leader is gone; Conflict is raised while that lives."""
        return await self._http.ask(Hive, "POST", "/v1/hive/promote")

    async def takeover(
        self, url: str, key: str | None = None, *, how: Literal["snapshot", "relive"] = "snapshot"
    ) -> AsyncJob:
        """Have the net become what that of the server at `url` is, whose `key` has to be an admin's.

        It has that taken as a snapshot and sent, or `relive` all that its journal still has. The result's `before` is
        the snapshot of what the net was.
        """
        body = {"url": url, "how": how} | ({} if key is None else {"key": key})
        return AsyncJob(self._http, await self._http.ask(JobState, "POST", "/v1/takeovers", body=body))

    async def journal(self, path: str | Path, after: int = 0) -> Path:
        """Write the journal to `path`, as far as it is written; with `after` only what is needed behind that record."""
        return await download(self._http, "/v1/journal", Path(path), {"after": after})

    async def explain(self, context: str = "", fresh: bool | None = None, session: str | None = None) -> Explanation:
        """Tell why the net expects what it does after `context`; of a net of dendrites only.

        It reads that from nothing in mind (`fresh`), or after what the net or a `session` has in mind.
        """
        query = {"context": context, "fresh": fresh, "session": session}
        return await self._http.ask(Explanation, "GET", "/v1/net/explain", query=query)

    async def send(
        self, text: str | None = None, *, idempotency_key: str | None = None, **content: Unpack[InputContent]
    ) -> Accepted:
        """Give the net an input, and return when the journal has it: it will be learnt, once.

        The same input under the same `idempotency_key` is not learnt again; if none is given, a new one is made.
        """
        return await self._input(Accepted, {}, idempotency_key, text, content)

    async def run(
        self,
        text: str | None = None,
        *,
        outputs: Level = "full",
        idempotency_key: str | None = None,
        **content: Unpack[InputContent],
    ) -> Ran:
        """Give the net an input as `send` does, and return what it made of it when it has been run."""
        return await self._input(Ran, {"wait": True, "outputs": outputs}, idempotency_key, text, content)

    async def _input(
        self, kind: type[T], query: Mapping[str, Any], key: str | None, text: str | None, content: InputContent
    ) -> T:
        body = {**content} if text is None else {"text": text, **content}
        headers = {"Idempotency-Key": key or uuid4().hex}
        return await self._http.ask(
            kind, "POST", "/v1/inputs", query=query, body=body, headers=headers, is_repeatable=True
        )

    async def outputs(
        self, after: int = 0, limit: int = 1000, outputs: Level | None = None, session: str | None = None
    ) -> OutputsPage:
        """Return the outputs after a tick; with `outputs`, that level is computed for ten seconds more.

        With a `session`, only its own.
        """
        query = {"after": after, "limit": limit, "outputs": outputs, "session": session}
        return await self._http.ask(OutputsPage, "GET", "/v1/outputs", query=query)

    async def observe(
        self,
        stream: str,
        rows: Sequence[Row] | None = None,
        *,
        values: Sequence[float | None] | None = None,
        lines: Sequence[str] | None = None,
        learn: bool = True,
        told: Literal["all", "events", "none"] = "all",
        idempotency_key: str | None = None,
    ) -> Observed:
        """Have rows of a stream told of and learnt, all or none: `rows`, or without times `values` or `lines`.

        The same rows under the same `idempotency_key` are not learnt again; if none is given, a new one is made.
        """
        given = {"rows": rows, "values": values, "lines": lines}
        body = {"stream": stream, "learn": learn, **{name: each for name, each in given.items() if each is not None}}
        return await self._http.ask(
            Observed,
            "POST",
            "/v1/observe",
            query={"told": told},
            body=body,
            headers={"Idempotency-Key": idempotency_key or uuid4().hex},
            is_repeatable=True,
        )

    async def events(self, after: int = 0, stream: str | None = None, limit: int = 100) -> EventsPage:
        """Return the events of all streams, or of one, behind the one whose id is `after`."""
        query = {"after": after, "limit": limit, "stream": stream}
        return await self._http.ask(EventsPage, "GET", "/v1/events", query=query)

    def stream(
        self,
        client_id: str | None = None,
        *,
        outputs: Level = "best",
        own: bool = False,
        patience: float = 300.0,
        on_wait: OnWait | None = None,
        session: str | None = None,
    ) -> AsyncStream:
        """Return a stream to be entered with `async with`, which goes on by itself after any break.

        One that comes again, after its process has ended, goes on where it was if it has a `client_id` of its own.
        `outputs` is what the server tells of them; with `own`, only of what this stream sent. With a `session` all is
        of that: the inputs that name no other, and the outputs.
        """
        return AsyncStream(
            *(self.server, client_id), outputs=outputs, own=own, patience=patience, on_wait=on_wait, session=session
        )

    async def generate(self, prompt: str = "", **how: Unpack[Prompt]) -> Generated:
        """Let a fork of the net go on from `prompt` (or `tokens`); the net learns nothing from it."""
        body = {"prompt": prompt, **how}
        return await self._http.ask(Generated, "POST", "/v1/generate", body=body, is_repeatable=True)

    async def generate_stream(self, prompt: str = "", **how: Unpack[Prompt]) -> AsyncIterator[Piece]:
        """Do as `generate` does, and yield pieces as they come; the last is a `Generated`, which is all of it again."""
        body = {"prompt": prompt, **how, "stream": True}
        async with self._http.answer("POST", "/v1/generate", body=body) as answer:
            async for event in events(answer):
                match event:
                    case ("token", data):
                        yield msgspec.json.decode(data, type=Piece)
                    case ("done", data):
                        yield msgspec.json.decode(data, type=Generated)
                        return
                    case ("error", data):
                        raise error_of(msgspec.json.decode(data, type=Problem))
        raise ConnectionLost(f"{self.server.url} closed the connection before the generation had ended")
