"""The nets of one server: list, create, look at, change and delete them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypedDict, Unpack

import msgspec

from realnet.client.http import Http
from realnet.client.jobs import AsyncJob
from realnet.client.models import JobState
from realnet.client.pages import all_of
from realnet.client.server import checked_net

NetKind: TypeAlias = Literal["tokens", "frames", "streams"]

_LONG = 600.0  # seconds, for what stores or deletes all of a large net


class NetParent(msgspec.Struct, frozen=True):
    """What a net is a child of: a snapshot, by the hash of all that it is. The child has `lines` of its own."""

    net: str
    snapshot: str
    sha256: str
    lines: int


class NetConsent(msgspec.Struct, frozen=True):
    """What may be done with what a child has learnt: to `merge` it into its parent."""

    merge: bool


class NetLimits(msgspec.Struct, frozen=True):
    """What bounds a net, whoever asks it; None is no limit but the server's. The rates are a second's."""

    rate_requests: float | None
    rate_ticks: float | None
    snapshots_kept: int | None


class NetEntry(msgspec.Struct, frozen=True):
    """A net of a server, made with the `settings`. Of the one named default `created` and `limits` are None.

    `state` is hot (in memory), cold (in the store, until somebody asks for it), waking or damaged, as `why` tells. Only
    of hot ones `tick` is known, and about how many `bytes` of memory it takes. Only children have a `parent` and
    `consent`.
    """

    name: str
    kind: NetKind | None
    state: Literal["hot", "cold", "waking", "damaged"]
    why: str | None
    created: datetime | None
    settings: Mapping[str, Any]
    tick: int | None
    bytes: int | None
    parent: NetParent | None = None
    consent: NetConsent | None = None
    limits: NetLimits | None = None


class NetOptions(TypedDict, total=False):
    """What may be chosen of a new net, as `realnet nets create --help` tells; `parent` is a net and a snapshot's id.

    `consent` is whether a child may be merged into its parent, and `limits` are some of those of `NetLimits`.
    """

    preset: Literal["dendrites", "surprise", "manifesto", "literal"]
    variant: Literal["fast", "standard", "large", "compact"]
    max_lines: int
    memory: int
    vocabulary: str
    neurons: int
    seed: int
    inputs: int
    outputs: int
    device: str
    tick_hz: float
    self_loop: bool
    parent: tuple[str, str]
    lines: int
    consent: bool
    limits: Mapping[str, float]


class AsyncNets:
    """The nets of a server. `net_named` of the client talks with one."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def list(self, prefix: str | None = None) -> list[NetEntry]:
        """Return the nets that the key is for, by name; with `prefix` those whose names begin with it."""
        return await all_of(NetEntry, self._http, "/v1/nets", {"prefix": prefix})

    async def create(self, name: str, kind: NetKind = "tokens", **options: Unpack[NetOptions]) -> NetEntry:
        """Create a net, which needs a key of scope admin for its name. Raises Conflict where there is one."""
        body: dict[str, Any] = {"name": name, "kind": kind, **options}
        if "parent" in options:
            body["parent"] = _snapshot(options["parent"])
        if "consent" in options:
            body["consent"] = {"merge": options["consent"]}
        return await self._http.ask(NetEntry, "POST", "/v1/nets", body=body, timeout=_LONG)

    async def get(self, name: str) -> NetEntry:
        name = checked_net(name)
        return await self._http.ask(NetEntry, "GET", f"/v1/nets/{name}")

    async def change(
        self,
        name: str,
        *,
        tick_hz: float | None = None,
        self_loop: bool | None = None,
        device: str | None = None,
        parent: tuple[str, str] | None = None,
        consent: bool | None = None,
        limits: Mapping[str, float | None] | None = None,
    ) -> NetEntry:
        """Change what is given of what may change in a net's life; `device` when it is next woken.

        A child goes on over another `parent`, a net and a snapshot's id: what it has learnt itself stays its own. Its
        `consent` is whether it may be merged into its parent. Of the `limits` those are changed that are given; None
        takes one away.
        """
        given = {
            "tick_hz": tick_hz,
            "self_loop": self_loop,
            "device": device,
            "parent": None if parent is None else _snapshot(parent),
            "consent": None if consent is None else {"merge": consent},
            "limits": limits,
        }
        body = {field: value for field, value in given.items() if value is not None}
        name = checked_net(name)
        return await self._http.ask(NetEntry, "PATCH", f"/v1/nets/{name}", body=body, is_repeatable=True, timeout=_LONG)

    async def rebase(
        self, net: str, snapshot: str, children: Sequence[str] = ("*",), of: tuple[str, str | None] | None = None
    ) -> AsyncJob:
        """Put children over a snapshot of a net, and return the job; its result has those that could not, and why.

        `children` are names, in which * is any signs; `of` what they are children of now, a net and a snapshot's id or
        None: if it is not given, the net itself.
        """
        body: dict[str, Any] = {"snapshot": snapshot, "children": children}
        if of is not None:
            body["of"] = _snapshot(of)
        return await self._begun(net, "rebase-children", body)

    async def merge(self, net: str, snapshot: str, children: Sequence[str], name: str | None = None) -> AsyncJob:
        """Merge what children of a net's snapshot have learnt into a new snapshot of it, and return the job.

        Each must have consented: else Conflict is raised, which names those that have not. `name` is of the snapshot.
        """
        body = {"snapshot": snapshot, "children": children, "name": name}
        return await self._begun(net, "merge-children", body)

    async def _begun(self, net: str, kind: str, body: Mapping[str, Any]) -> AsyncJob:
        http = self._http.of_net(net)
        return AsyncJob(http, await http.ask(JobState, "POST", f"/v1/jobs/{kind}", body=body, timeout=_LONG))

    async def delete(self, name: str) -> None:
        """Delete a net with all that it has learnt and stored."""
        name = checked_net(name)
        await self._http.ask(type(None), "DELETE", f"/v1/nets/{name}", timeout=_LONG)


def _snapshot(named: tuple[str, str | None]) -> dict[str, str | None]:
    net, snapshot = named
    return {"net": net, "snapshot": snapshot}
