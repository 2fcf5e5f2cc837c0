"""Merge what nets of one ancestor have learnt in places that words may not leave."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, Field

from service.api.access import needs
from service.api.deps import TAKES_JSON, CallerDep, EdgeDep, RuntimeDep, problems
from service.api.routes.jobs import REFUSALS, queued
from service.auth.keys import Scope
from service.errors import ErrorLocation, Invalid
from service.jobs.bundle import OCTETS, Bundle
from service.jobs.job import Job
from service.jobs.requests import MergeRequest
from service.peers import peer_of
from service.validation import Body

router = APIRouter(prefix="/v1/merges", tags=["merges"])

_FILE: dict[str, Any] = {OCTETS: {"schema": {"type": "string", "format": "binary"}}}


class Ancestor(BaseModel, frozen=True):
    """The SHA-256 of the lines that a net must have had last to be merged with this one."""

    ancestor: str


class ShareRequest(Body):
    ancestor: Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="as `GET /v1/merges` tells it")]


@router.get("", responses=problems(409, 503))
@needs(Scope.READ)
async def get_merges(runtime: RuntimeDep) -> Ancestor:
    """Tell the ancestor: the snapshot that the net was restored to, or its last merge; or nothing, at birth."""
    return Ancestor(ancestor=await runtime.ancestry.sha256())


@router.post("", status_code=202, responses=REFUSALS, dependencies=[TAKES_JSON])
@needs(Scope.ADMIN)
async def merge(body: MergeRequest, runtime: RuntimeDep, edge: EdgeDep, caller: CallerDep, response: Response) -> Job:
    """Merge with peers: try what each has learnt on what this net lived through, and have all adopt what is good.

    Only lines travel. A peer of another ancestor, one that does not answer, and one with which this net would predict
    worse is left out. With `every` it merges again after so many tokens, until a merge is asked for without, or the
    last one is cancelled.
    """
    runtime.ancestry.check()
    peers = [
        peer_of(each.url, each.key, edge.settings.callable_hosts, f"/peers/{number}/url")
        for number, each in enumerate(body.peers)
    ]
    for number, peer in enumerate(peers):
        if peer.url in (other.url for other in peers[:number]):
            raise Invalid([ErrorLocation(detail="it is there twice", pointer=f"/peers/{number}/url")])
    caller.check_pace(runtime.rates())
    request = {"peers": [peer.url for peer in peers], "every": body.every}
    return queued(await runtime.jobs.add("merge", request, caller.space, keys=[peer.key for peer in peers]), response)


@router.post(
    "/share",
    response_class=Response,
    responses={200: {"content": _FILE}, **REFUSALS},
    dependencies=[TAKES_JSON],
)
@needs(Scope.MERGE)
async def share(body: ShareRequest, runtime: RuntimeDep) -> Response:
    """Return what has changed of the net's lines since an ancestor, for another net to merge with its own."""
    return Response(await runtime.ancestry.share(body.ancestor), media_type=OCTETS)


@router.post(
    "/adopt", responses=REFUSALS | problems(408), openapi_extra={"requestBody": {"required": True, "content": _FILE}}
)
@needs(Scope.MERGE, largest="max_dataset_bytes")
async def adopt(runtime: RuntimeDep, caller: CallerDep, request: Request) -> Job:
    """Adopt what a peer has merged, if it is good for what this net lived through. Answers when that job has ended."""
    runtime.ancestry.check()
    if request.headers.get("content-type", "").strip().lower() != OCTETS:
        raise HTTPException(415, f"send {OCTETS}")
    data = await request.body()
    try:
        bundle = Bundle.from_bytes(data)
    except ValueError as error:
        raise Invalid([ErrorLocation(detail=f"not what members of a merge tell: {error}", pointer="")]) from error
    await runtime.ancestry.check_ancestor(bundle.ancestor, bundle.lines_sha256)
    asked = {"members": sorted(bundle.shares), "lines_sha256": bundle.lines_sha256}
    job = await runtime.jobs.add("merge", asked, caller.space, parcel=data)
    async for _ in runtime.jobs.follow(job.id):
        pass
    return runtime.jobs.get(job.id)
