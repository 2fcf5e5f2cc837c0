"""Make, list, look at, change and delete nets."""

import logging
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from realnet.dendrites.child import LINES
from service.api.access import needs
from service.api.deps import TAKES_JSON, CallerDep, NetsDep, SettingsDep, problems
from service.auth.keys import Scope
from service.errors import ErrorLocation, Invalid
from service.nets.hot import State
from service.nets.manifest import DEFAULT, NAME, NETS, Consent, Form, Kind, Limits, ParentRef
from service.nets.parents import Above
from service.nets.registry import NetSeen
from service.settings import NetSettings, Settings
from service.telemetry.logs import log_event
from service.validation import Body

router = APIRouter(prefix="/v1/nets", tags=["nets"])

_PATTERN = f"^{NAME.pattern}$"
_Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
_Hz = Annotated[float, Field(ge=0.001, le=1000, allow_inf_nan=False)]
_Rate = Annotated[float, Field(ge=0.001, le=1e9, allow_inf_nan=False)]
_Device = Annotated[str, Field(max_length=64)]
_REFUSALS = problems(400, 403, 409, 413, 415, 422, 429, 500, 503)
_logger = logging.getLogger(__name__)


class NewParent(Body):
    """A snapshot of a net of this server, which is kept as long as it has children."""

    net: str = Field(pattern=_PATTERN, examples=["default"])
    snapshot: str = Field(pattern="^[0-9]{8}$", examples=["00000001"])


class ConsentGiven(Body):
    """What may be done with what a child has learnt. What is merged into its parent shows to all who read that."""

    merge: bool = Field(description="it may be merged into its parent, by who is admin of both")


class LimitsGiven(Body):
    """What bounds a net, whoever asks it, beside what bounds keys; null is no limit but the server's."""

    rate_requests: _Rate | None = Field(None, description="requests a second")
    rate_ticks: _Rate | None = Field(None, description="tokens, frames or rows a second")
    snapshots_kept: _Count | None = Field(None, description="snapshots that stay of those that nobody asked to keep")


class NewNet(Body):
    """What a net is made as. What is left out is as for a new net of a server without settings.

    A net of `tokens` lives through texts or tokens; one of `frames` has so many `inputs` and `outputs`; one of
    `streams` watches streams, has the smallest net of tokens beside them, and is told no more than its `tick_hz`.
    One with a `parent` is a child: it knows what that knew, and is told no more than its `lines`, `tick_hz` and
    `self_loop`. Each may have `limits`.
    """

    name: str = Field(pattern=_PATTERN, examples=["customer-17"])
    kind: Kind = "tokens"
    preset: Literal["dendrites", "surprise", "manifesto", "literal"] | None = None
    variant: Literal["fast", "standard", "large", "compact"] | None = None
    max_lines: _Count | None = None
    memory: _Count | None = None
    vocabulary: str | None = Field(None, max_length=64, description="bytes, or symbols:N for ids of 0 to N - 1")
    neurons: _Count | None = None
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    inputs: _Count | None = None
    outputs: _Count | None = None
    device: _Device | None = Field(None, description="what computes it: cpu, cuda or cuda:N; null: cpu")
    tick_hz: _Hz | None = None
    self_loop: bool | None = None
    parent: NewParent | None = None
    lines: _Count | None = Field(
        None, description=f"of 64 bytes, that a child has of its own, a power of two; null: {LINES}"
    )
    consent: ConsentGiven | None = Field(None, description="of a child; null: none")
    limits: LimitsGiven = LimitsGiven()


class NetChange(Body):
    """What changes; with a `parent` a child goes on over this snapshot, and what it has learnt itself stays its own.

    Of the `limits` those change that are given, at once. Another `device` computes the net when it is next woken: at
    once, if nobody uses it.
    """

    tick_hz: _Hz | None = None
    self_loop: bool | None = None
    device: _Device | None = None
    parent: NewParent | None = None
    consent: ConsentGiven | None = None
    limits: LimitsGiven = LimitsGiven()


class NetShown(BaseModel):
    """A net. `settings` are those that it was made with; `created` and `limits` are null of the one named default.

    `state` is hot (in memory), cold (in the store, until somebody asks for it), waking or damaged, as `why` tells.
    Of a child `parent` tells which net and which snapshot it is of, and how many lines of its own it has, and `consent`
    whether it may be merged into that.
    `tick`, and about how many `bytes` of memory it takes, are known of hot ones.
    """

    name: str
    kind: Kind | None
    state: State
    why: str | None
    created: datetime | None
    settings: dict[str, Any]
    parent: ParentRef | None
    consent: Consent | None
    limits: Limits | None
    tick: int | None
    bytes: int | None

    @classmethod
    def of(cls, net: NetSeen, server: Settings) -> Self:
        made, runtime = net.manifest, net.runtime
        kind, settings = (None, {}) if made is None else (made.kind, made.form.given)
        if net.name == DEFAULT:
            kind = "tokens" if server.inputs is None else "frames"
            asked = server.model_fields_set & Form.model_fields.keys() & NetSettings.model_fields.keys()
            settings = {name: getattr(server, name) for name in sorted(asked) if getattr(server, name) is not None}
            if runtime is not None:
                kind = "frames" if runtime.interface.vocabulary is None else "tokens"
            if "vocabulary" in settings:  # not the path of a file
                known = None if runtime is None else runtime.interface.vocabulary
                settings["vocabulary"] = None if known is None else known.name
        return cls(
            name=net.name,
            kind=kind,
            state=net.state,
            why=net.why,
            created=None if made is None else datetime.fromtimestamp(made.created, UTC),
            settings=settings,
            parent=None if made is None else made.parent,
            consent=None if made is None or made.parent is None else made.consent,
            limits=None if made is None else made.limits,
            tick=None if runtime is None else runtime.status.tick,
            bytes=net.nbytes,
        )


class NetList(BaseModel):
    data: list[NetShown]
    has_more: bool
    next: str | None


@router.post(
    "", status_code=201, responses=problems(400, 403, 409, 413, 415, 422, 429, 500, 503), dependencies=[TAKES_JSON]
)
@needs(Scope.ADMIN, of_net=False)
async def create_net(
    body: NewNet, nets: NetsDep, settings: SettingsDep, caller: CallerDep, response: Response
) -> NetShown:
    """Make a net. All of it is then under `/v1/nets/{name}/`, as that of the net named default is under `/v1/`.

    It is woken by the first request for it. Refused (409) where there is one of this name, or as many as may be, of all
    or of those that the key is for.
    """
    if body.name == NETS:
        raise Invalid([ErrorLocation(detail="this name is reserved", pointer="/name")])
    caller.check_net(body.name)
    over, form = None, Form(**body.model_dump(exclude={"name", "kind", "parent", "lines", "consent", "limits"}))
    if body.parent is not None:
        caller.check_net(body.parent.net)
        over = Above(body.parent.net, body.parent.snapshot, LINES if body.lines is None else body.lines)
    elif body.lines is not None:
        raise Invalid([ErrorLocation(detail="only a net with a parent has lines of its own", pointer="/lines")])
    consent, limits = _consent(body.consent), Limits(**body.limits.model_dump())
    made = await nets.create(body.name, body.kind, form, caller.share, over, consent, limits)
    log_event(_logger, logging.INFO, "net created", key=caller.name, net=body.name)
    response.headers["Location"] = f"{router.prefix}/{body.name}"
    return NetShown.of(made, settings)


@router.get("", responses=problems(422, 503))
@needs(Scope.READ, of_net=False)
async def list_nets(
    nets: NetsDep,
    settings: SettingsDep,
    caller: CallerDep,
    prefix: Annotated[str, Query(pattern="^[a-z0-9._-]{0,64}$", description="what the names begin with")] = "",
    after: Annotated[str, Query(max_length=64, description="a name, as `next` of the answer before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> NetList:
    """List the nets that the key is for by their names, without waking any."""
    names = await nets.names(caller.share, prefix, after, limit + 1)
    shown = [NetShown.of(net, settings) for net in await nets.seen(names[:limit])]
    has_more = len(names) > limit
    return NetList(data=shown, has_more=has_more, next=names[limit - 1] if has_more else None)


@router.get("/{name}", responses=problems(404, 503))
@needs(Scope.READ, of_net=False)
async def get_net(name: str, nets: NetsDep, settings: SettingsDep, caller: CallerDep) -> NetShown:
    """Look at a net, without waking it."""
    caller.check_net(name)
    return NetShown.of(await nets.find(name), settings)


@router.patch("/{name}", responses=problems(400, 403, 404, 409, 413, 415, 422, 500, 503), dependencies=[TAKES_JSON])
@needs(Scope.ADMIN, of_net=False)
async def change_net(name: str, body: NetChange, nets: NetsDep, settings: SettingsDep, caller: CallerDep) -> NetShown:
    """Change what may change in a net's life, for good. `PATCH /v1/nets/{name}/net` does so until the net is cold.

    Answers when a child is over another `parent`; where the server is killed it is over the one or the other.
    """
    caller.check_net(name)
    over = None
    if body.parent is not None:
        caller.check_net(body.parent.net)
        over = body.parent.net, body.parent.snapshot
    changed = await nets.change(
        name,
        tick_hz=body.tick_hz,
        self_loop=body.self_loop,
        device=body.device,
        limits=body.limits.model_dump(exclude_unset=True),
        consent=_consent(body.consent),
        over=over,
    )
    log_event(_logger, logging.INFO, "net changed", key=caller.name, net=name, **body.model_dump(exclude_unset=True))
    return NetShown.of(changed, settings)


@router.delete("/{name}", status_code=204, responses=problems(403, 404, 409, 503))
@needs(Scope.ADMIN, of_net=False)
async def delete_net(name: str, nets: NetsDep, caller: CallerDep) -> None:
    """Delete a net with all that is stored of it, and answer when all is gone. Its streams are closed (1008).

    Where the store is in trouble the answer is 503, and the net is deleted as soon as the store lets it.
    """
    caller.check_net(name)
    await nets.delete(name)
    log_event(_logger, logging.INFO, "net deleted", key=caller.name, net=name)


def _consent(given: ConsentGiven | None) -> Consent | None:
    return None if given is None else Consent(merge=given.merge)
