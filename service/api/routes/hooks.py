"""Send the events of streams to other servers."""

from datetime import UTC, datetime
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, Field

from service.api.access import needs
from service.api.deps import TAKES_JSON, EdgeDep, problems
from service.api.stream_schemas import Name
from service.auth.keys import Scope
from service.errors import ErrorLocation, Invalid
from service.hooks.delivery import HookState, State
from service.hooks.hook import HookKind
from service.hooks.webhook import key_of, new_secret
from service.streams.shown import time_of
from service.validation import Body

router = APIRouter(prefix="/v1/hooks", tags=["hooks"])


def _checked(secret: str | None) -> str | None:
    if secret is not None:
        key_of(secret)
    return secret


class HookRequest(Body):
    """Where events are to be sent: to a `webhook` at this URL, or to the Alertmanager that is there.

    `streams` are names, or beginnings of names with a `*` behind them; without, all are meant. A webhook's messages
    are signed with `secret`; without, one is made.
    """

    url: str = Field(max_length=2048, examples=["http://127.0.0.1:9000/events"])
    kind: HookKind = "webhook"
    secret: Annotated[str | None, Field(max_length=256), AfterValidator(_checked)] = None
    streams: list[Name] = Field([], max_length=100, fail_fast=True, examples=[["cpu", "web-*"]])


class HookShown(BaseModel, frozen=True):
    """Where events are sent. `delivered` is the id of the last that is done with, `waiting` how many are to come.

    `state` is ok, retrying (the last try was in vain, as `error` tells, and others follow: the next at `next_try`), or
    failing: others follow, too, and somebody has to see to it. `lost` events were dropped before they could be sent.
    """

    id: str
    url: str
    kind: HookKind
    streams: list[str]
    since: datetime
    state: State
    delivered: int
    waiting: int
    lost: int
    error: str | None
    failures: int
    next_try: datetime | None
    last_delivery: datetime | None

    @classmethod
    def of(cls, state: HookState) -> Self:
        hook = state.hook
        return cls(
            id=hook.id,
            url=hook.url,
            kind=hook.kind,
            streams=list(hook.streams),
            since=datetime.fromtimestamp(hook.since, UTC),
            state=state.state,
            delivered=hook.delivered,
            waiting=state.waiting,
            lost=hook.lost,
            error=state.error,
            failures=state.failures,
            next_try=time_of(state.next_try),
            last_delivery=time_of(state.last_delivery),
        )


class NewHook(HookShown, frozen=True):
    """A hook that was just made, and its secret, which is never shown again; null of an Alertmanager."""

    secret: str | None


class HookList(BaseModel):
    data: list[HookShown]


@router.post("", status_code=201, responses=problems(400, 403, 409, 413, 415, 422, 429, 503), dependencies=[TAKES_JSON])
@needs(Scope.ADMIN)
async def add_hook(body: HookRequest, edge: EdgeDep) -> NewHook:
    """Send events from now on, each at least once and in order, however long the other server is down.

    The URL must be of a host that the setting `peers` allows.
    """
    secret = body.secret
    if body.kind == "webhook":
        secret = secret or new_secret()
    elif secret is not None:
        raise Invalid([ErrorLocation(detail="an Alertmanager takes none", pointer="/secret")])
    shown = HookShown.of(await edge.hooks.add(body.url, body.kind, secret, body.streams))
    return NewHook(**dict(shown), secret=secret)


@router.get("", responses=problems(503))
@needs(Scope.ADMIN)
async def list_hooks(edge: EdgeDep) -> HookList:
    """List the hooks, oldest first, and how each is."""
    return HookList(data=[HookShown.of(state) for state in edge.hooks.states])


@router.delete("/{id}", status_code=204, responses=problems(403, 404, 503))
@needs(Scope.ADMIN)
async def delete_hook(id: str, edge: EdgeDep) -> None:
    """Send nothing more there."""
    await edge.hooks.remove(id)


@router.post("/{id}/test", status_code=204, responses=problems(403, 404, 502, 503))
@needs(Scope.ADMIN)
async def test_hook(id: str, edge: EdgeDep) -> None:
    """Send an event that is none, with the id 0 of a stream `test`; and if it is taken, what waits as well."""
    await edge.hooks.test(id)
