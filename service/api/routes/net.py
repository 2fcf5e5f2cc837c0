"""Tell what the net is and how it is doing, and change what may change while it lives."""

import logging
from typing import Annotated

from fastapi import APIRouter, Query

from realnet.dendrites.explain import Explanation
from service.api.access import needs
from service.api.deps import TAKES_JSON, CallerDep, RuntimeDep, net_of, problems
from service.api.schemas import Change, Growth, Net, Shrinkage
from service.auth.keys import Scope
from service.errors import ErrorLocation, Invalid
from service.runtime import changes
from service.telemetry.logs import log_event
from service.validation import SessionName

router = APIRouter(prefix="/v1/net", tags=["net"])

_logger = logging.getLogger(__name__)


@router.get("", responses=problems(422, 503), response_model_exclude_unset=True)
@needs(Scope.READ)
async def get_net(runtime: RuntimeDep, hash: bool = False) -> Net:
    """Describe the net; with `hash`, also by the SHA-256 of its weights and of all that a snapshot holds."""
    if not hash:
        return net_of(runtime)
    weights, state = await runtime.hashes()
    return Net(**net_of(runtime).model_dump(exclude_unset=True), weights_sha256=weights, state_sha256=state)


@router.get("/explain", responses=problems(409, 422, 503))
@needs(Scope.READ)
async def explain(
    runtime: RuntimeDep,
    context: Annotated[str, Query(max_length=1000, description="what the net is to have read")] = "",
    fresh: Annotated[
        bool | None,
        Query(
            description="read it from nothing in mind, not from what the net has in mind; so it is without a session"
        ),
    ] = None,
    session: Annotated[SessionName | None, Query(description="read it after what this session has in mind")] = None,
) -> Explanation:
    """Tell why the net expects what it does after a context: what each dendrite says, and how far it is heard.

    Only of a net of dendrites (409). Nothing is learnt.
    """
    if fresh and session is not None:
        raise Invalid([ErrorLocation(detail="leave one of session and fresh out", parameter="fresh")])
    return await changes.explain(runtime, context, session is None if fresh is None else fresh, session)


@router.patch(
    "",
    responses=problems(400, 403, 409, 413, 415, 422, 503),
    response_model_exclude_unset=True,
    dependencies=[TAKES_JSON],
)
@needs(Scope.ADMIN)
async def change_net(change: Change, runtime: RuntimeDep, caller: CallerDep) -> Net:
    await changes.configure(runtime, **change.model_dump())
    log_event(_logger, logging.INFO, "changed", key=caller.name, **change.model_dump(exclude_none=True))
    return net_of(runtime)


_RESIZES = problems(400, 403, 409, 413, 415, 422, 503)


@router.post("/grow", responses=_RESIZES, response_model_exclude_unset=True, dependencies=[TAKES_JSON])
@needs(Scope.ADMIN)
async def grow(growth: Growth, runtime: RuntimeDep, caller: CallerDep) -> Net:
    """Give the net more lines of memory at once, dendrites for more contexts, or both, and let it live on.

    What it says stays the same at that moment, bit for bit; it learns to use what it has got. Only a net of dendrites
    grows, and no compact one (409).
    """
    await changes.grow(runtime, growth.lines, growth.contexts)
    log_event(_logger, logging.INFO, "grown", key=caller.name, **growth.model_dump(exclude_defaults=True))
    return net_of(runtime)


@router.post("/shrink", responses=_RESIZES, response_model_exclude_unset=True, dependencies=[TAKES_JSON])
@needs(Scope.ADMIN)
async def shrink(shrinkage: Shrinkage, runtime: RuntimeDep, caller: CallerDep) -> Net:
    """Have the net go on with fewer lines of memory, those that were used most. What the others knew is gone."""
    await changes.shrink(runtime, shrinkage.lines)
    log_event(_logger, logging.INFO, "shrunk", key=caller.name, lines=shrinkage.lines)
    return net_of(runtime)
