"""Have children of a net go on over another snapshot of it, and merge what they have learnt into a new one."""

import json
from collections.abc import Sequence

from fastapi import APIRouter, Response

from service.api.access import needs
from service.api.deps import TAKES_JSON, CallerDep, NetsDep, RuntimeDep, problems
from service.api.routes.jobs import REFUSALS, queued
from service.auth.keyring import Caller
from service.auth.keys import Scope
from service.errors import Conflict, ErrorLocation, Invalid
from service.jobs.job import Job
from service.jobs.requests import MergeChildrenRequest, RebaseChildrenRequest
from service.nets.family_jobs import MOST_MERGED, check_consent

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.post("/rebase-children", status_code=202, responses=REFUSALS | problems(500), dependencies=[TAKES_JSON])
@needs(Scope.ADMIN)
async def rebase_children(
    body: RebaseChildrenRequest, nets: NetsDep, runtime: RuntimeDep, caller: CallerDep, response: Response
) -> Job:
    """Put children over a snapshot of this net, one after the other, each at a tick boundary; its streams stay open.

    What each has learnt itself stays its own. The result tells which could not, and why: these are as they were. To put
    one child over another snapshot there is `PATCH /v1/nets/{name}`, too.
    """
    of, snapshot = (runtime.name, None) if body.of is None else (body.of.net, body.of.snapshot)
    caller.check_net(of)
    _check_names(body.children, caller)
    await nets.load()
    await nets.family.parent(runtime.name, body.snapshot)
    found = await nets.family.members(of, snapshot, body.children)
    names = [name for name in found if caller.share.includes(name)]
    caller.check_pace(runtime.rates())
    parcel = json.dumps(names).encode()
    return queued(await runtime.jobs.add("rebase-children", body.model_dump(), caller.space, parcel=parcel), response)


@router.post("/merge-children", status_code=202, responses=REFUSALS | problems(500), dependencies=[TAKES_JSON])
@needs(Scope.ADMIN)
async def merge_children(
    body: MergeChildrenRequest, nets: NetsDep, runtime: RuntimeDep, caller: CallerDep, response: Response
) -> Job:
    """Merge what children of a snapshot of this net have learnt into a new snapshot of it: by counts, no words.

    Refused (409), with the names, where one has not consented. The net itself and its children stay as they are, until
    it is restored to the new snapshot, and they go over to it. Whoever reads it sees what was merged.
    """
    _check_names(body.children, caller)
    await nets.load()
    await nets.family.parent(runtime.name, body.snapshot)
    found = await nets.family.members(runtime.name, body.snapshot, body.children)
    children = {name: manifest for name, manifest in found.items() if caller.share.includes(name)}
    if not children:
        raise Invalid([ErrorLocation(detail="no child of this snapshot has such a name", pointer="/children")])
    if len(children) > MOST_MERGED:
        raise Conflict(f"{len(children)} children have such names, and at most {MOST_MERGED} are merged at once")
    check_consent(children)
    caller.check_pace(runtime.rates())
    parcel = json.dumps(list(children)).encode()
    return queued(await runtime.jobs.add("merge-children", body.model_dump(), caller.space, parcel=parcel), response)


def _check_names(patterns: Sequence[str], caller: Caller) -> None:
    """Raise Forbidden for a name that the key is not for; a pattern fits those alone that it is for."""
    for pattern in patterns:
        if "*" not in pattern:
            caller.check_net(pattern)
