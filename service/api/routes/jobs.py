"""Begin, watch and cancel jobs."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from importlib.util import find_spec
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from pydantic import BaseModel

import service.api.ids  # noqa: F401
from service.api.access import needs
from service.api.deps import TAKES_JSON, CallerDep, RuntimeDep, page_of, problems
from service.api.schemas import check_context
from service.auth.keyring import Caller
from service.auth.keys import Scope
from service.errors import Conflict, ErrorLocation, Invalid, NotFound
from service.jobs.job import Job, JobKind
from service.jobs.requests import DaydreamRequest, DreamRequest, FitRequest, SleepRequest
from service.jobs.runner import JobRunner
from service.runtime.runtime import Runtime

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_PING_SECONDS = 15.0  # without an event: proxies close what is silent for a minute
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The whole job after every change, until it has ended; the `id` of an event is its `revision`",
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "event": {"const": "job"},
                        "id": {"type": "string"},
                        "data": {"type": "string", "contentMediaType": "application/json"},
                    },
                    "required": ["event", "id", "data"],
                }
            }
        },
    },
    204: {"description": "The job has ended, and `Last-Event-ID` is its last revision"},
}
REFUSALS = problems(400, 403, 409, 413, 415, 422, 429, 503)


class JobList(BaseModel):
    data: list[Job]
    has_more: bool
    next: str | None


@router.post("/dream", status_code=202, responses=REFUSALS, dependencies=[TAKES_JSON])
@needs(Scope.TEACH)
async def dream(body: DreamRequest, runtime: RuntimeDep, caller: CallerDep, response: Response) -> Job:
    """Dream: live through a data set, with its targets forced on the outputs."""
    return await add_job("dream", body, runtime, caller, response)


@router.post("/sleep", status_code=202, responses=REFUSALS, dependencies=[TAKES_JSON])
@needs(Scope.TEACH)
async def sleep(body: SleepRequest, runtime: RuntimeDep, caller: CallerDep, response: Response) -> Job:
    """Sleep: live through random pieces of the net's own past. An input wakes the net; then it falls asleep again.

    A net of dendrites searches instead, in a process of its own: for contexts by which it would have predicted its past
    better. It wakes with them if there are any. With `contexts` it tries these alone, beside its own. Of such a sleep
    no other field is taken, and `contexts` of no other (409).
    """
    if runtime.interface.sleep is None:
        what = "a child" if runtime.is_child else "a compact net"
        raise Conflict(f"{what} does not sleep: it keeps its contexts for life")
    if runtime.interface.sleep == "search" and (others := body.model_fields_set - {"contexts"}):
        raise Conflict(f"a net of dendrites searches in its sleep: leave {sorted(others)[0]} out")
    if runtime.interface.sleep != "search" and body.contexts:
        raise Conflict("only a net of dendrites takes on contexts: leave them out")
    _check_contexts(body.contexts, runtime.status.contexts or ())
    return await add_job("sleep", body, runtime, caller, response)


@router.post("/fit", status_code=202, responses=REFUSALS, dependencies=[TAKES_JSON])
@needs(Scope.ADMIN)
async def fit(body: FitRequest, runtime: RuntimeDep, caller: CallerDep, response: Response) -> Job:
    """Fit: train a fork of the net by backpropagation, and bring its synapses home. Refused (409) without PyTorch.

    Of a net of dendrites gains, mix and output maps are fitted, and come home only if they predict better what is held
    out.
    """
    if find_spec("torch") is None:
        raise Conflict(
            "fits need PyTorch, which is not installed here: "
            "use the image built with DEVICE=cuda or pip install 'realnet-live[torch]'"
        )
    if runtime.interface.fit is None:
        raise Conflict(f"{'a child' if runtime.is_child else 'a compact net'} is not fitted")
    if runtime.interface.fit == "gains" and body.force:
        raise Conflict("a fit of dendrites comes home only if it predicts better: leave force out")
    return await add_job("fit", body, runtime, caller, response)


@router.get("", responses=problems(422))
@needs(Scope.READ)
async def list_jobs(
    runtime: RuntimeDep,
    after: Annotated[str, Query(max_length=8, description="an id, as `next` of the answer before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> JobList:
    """List the jobs, oldest first; of those that have ended, the last 100."""
    left = [job for job in runtime.jobs.all() if job.id > after]
    return JobList(**page_of(left, limit))


@router.get("/{id:digits}", responses=problems(404))
@needs(Scope.READ)
async def get(id: str, runtime: RuntimeDep) -> Job:
    return runtime.jobs.get(id)


@router.get("/{id:digits}/events", response_class=Response, responses=_EVENTS | problems(404, 422))
@needs(Scope.READ)
async def events(
    id: str, runtime: RuntimeDep, last_event_id: Annotated[int | None, Header(ge=0, le=2**63 - 1)] = None
) -> Response:
    """Send the job as a server-sent event after every change. `Last-Event-ID` skips what is known already."""
    job, after = runtime.jobs.get(id), -1 if last_event_id is None else last_event_id
    if job.has_ended and job.revision <= after:
        return Response(status_code=204)
    return EventSourceResponse(_events(runtime.jobs, id, after))


@router.post("/{id:digits}/cancel", responses=problems(403, 404))
@needs(Scope.TEACH)
async def cancel(id: str, runtime: RuntimeDep) -> Job:
    """Cancel a job, and answer when it has ended. One that had ended before is left as it is."""
    return await runtime.jobs.cancel(id)


async def add_job(
    kind: JobKind,
    body: DreamRequest | SleepRequest | FitRequest | DaydreamRequest,
    runtime: Runtime,
    caller: Caller,
    response: Response,
) -> Job:
    """Queue a job, and say in `response` where to look. Raises Refused."""
    caller.check_pace(runtime.rates())
    if isinstance(body, DreamRequest | FitRequest):
        try:
            await runtime.datasets.get(body.dataset)
        except NotFound:
            raise Invalid([ErrorLocation(detail="no data set has this id", pointer="/dataset")]) from None
    return queued(await runtime.jobs.add(kind, body.model_dump(), caller.space), response)


def queued(job: Job, response: Response) -> Job:
    """Say in `response` where to look for a job that was queued."""
    response.headers["Location"] = f"{router.prefix}/{job.id}"
    return job


async def _events(jobs: JobRunner, id: str, after: int) -> AsyncIterator[bytes]:
    async with aclosing(jobs.follow(id, after, _PING_SECONDS)) as changes:
        async for job in changes:
            if job is None:
                yield KEEPALIVE_COMMENT
                continue
            yield format_sse_event(event="job", id=str(job.revision), data_str=job.model_dump_json())


def _check_contexts(asked: Sequence[str], present: Sequence[str]) -> None:
    for number, context in enumerate(asked):
        try:
            if check_context(context) in (*present, *asked[:number]):
                raise ValueError("it is one of its contexts already")
        except ValueError as error:
            raise Invalid([ErrorLocation(detail=str(error), pointer=f"/contexts/{number}")]) from None
