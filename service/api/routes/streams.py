"""Streams that are watched: rows in, what is told of them and the events out, and what a person wants of them."""

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Header, Path, Query, Response

from service.api.access import needs
from service.api.deps import TAKES_JSON, CallerDep, EdgeDep, RuntimeDep, problems
from service.api.stream_schemas import (
    EventList,
    Feedback,
    Name,
    NewStream,
    Observed,
    Options,
    Rows,
    Stream,
    StreamChanges,
    StreamList,
    ToldList,
    Which,
)
from service.auth.keys import Scope
from service.engine.commands import Sender
from service.errors import Conflict, ErrorLocation, Invalid
from service.journal.records import StreamRecord
from service.runtime.observing import became_before, change, submit
from service.streams.commands import Observe
from service.streams.kinds import newborn
from service.streams.rows import Kind
from service.streams.shown import News, Told
from service.streams.stream import RECENT

router = APIRouter(prefix="/v1", tags=["streams"])

Chosen: TypeAlias = dict[str, str | float | None]
StreamName = Annotated[Name, Path(description="the name of a stream, percent-encoded")]


@router.post(
    "/observe",
    response_model=Observed,
    responses=problems(400, 403, 409, 413, 415, 422, 429, 503),
    dependencies=[TAKES_JSON],
)
@needs(Scope.TEACH)
async def observe(
    body: Rows,
    edge: EdgeDep,
    caller: CallerDep,
    told: Annotated[Which, Query(description="which rows are told of in the answer")] = "all",
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=128)] = None,
) -> Response:
    """Tell of each row how new it is, and learn it: all rows, or none.

    A stream is made by its first rows, and stays one of lines or of values. Rows that came under the same
    Idempotency-Key are not learnt again: the answer is as before, with what of it is still kept.
    """
    runtime, rows = edge.runtime, body.parsed(edge.settings.max_rows_per_request)
    command = Observe(body.stream, body.kind, rows, body.learn, Sender(at=time.time()))
    rates = runtime.rates()
    caller.check_pace(rates)
    learnt = None
    if idempotency_key is not None:
        learnt = edge.idempotency_keys.begin(caller.space, idempotency_key, command, command.digest)
    try:
        if learnt is None:
            submit(runtime, command)
            caller.take(len(rows), rates)
            became = await asyncio.shield(command.reply)
        else:
            became = await became_before(runtime, body.stream, learnt.first_tick, len(rows))
    except Invalid as error:
        raise body.located(error) from error
    answer = Observed.of(body, became, told)
    return Response(answer.model_dump_json(), media_type="application/json")


@router.get("/streams", responses=problems(403, 422))
@needs(Scope.READ)
async def list_streams(
    runtime: RuntimeDep, after: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> StreamList:
    """List the streams by name, those behind `after`."""
    left = [name for name in runtime.streams.names if after is None or name > after]
    has_more = len(left) > limit
    data = [Stream.of(runtime.streams.info(name)) for name in left[:limit]]
    return StreamList(data=data, has_more=has_more, next=left[limit - 1] if has_more else None)


@router.get("/streams/{name:path}", responses=problems(403, 404, 422))
@needs(Scope.READ)
async def get_stream(name: StreamName, runtime: RuntimeDep) -> Stream:
    """Return a stream."""
    return Stream.of(runtime.streams.info(name))


@router.put(
    "/streams/{name:path}",
    status_code=201,
    responses=problems(400, 403, 409, 413, 415, 422, 429, 503),
    dependencies=[TAKES_JSON],
)
@needs(Scope.ADMIN)
async def make_stream(name: StreamName, body: NewStream, runtime: RuntimeDep) -> Stream:
    """Make a stream before its first rows come: with other options, or of values with another `expert`."""
    if name in runtime.streams.names:
        raise Conflict("there is a stream of this name already")
    options = _chosen(body.options, body.kind, {})
    await change(runtime, StreamRecord(name, kind=body.kind, options=options, maintenance=body.periods()))
    return Stream.of(runtime.streams.info(name))


@router.patch(
    "/streams/{name:path}",
    responses=problems(400, 403, 404, 409, 413, 415, 422, 429, 503),
    dependencies=[TAKES_JSON],
)
@needs(Scope.ADMIN)
async def change_stream(name: StreamName, body: StreamChanges, runtime: RuntimeDep) -> Stream:
    """Choose something else, or set the times of maintenance, in which nothing is learnt and nobody is called."""
    info = runtime.streams.info(name)
    options = _chosen(body.options, info.kind, info.options)
    await change(runtime, StreamRecord(name, options=options, maintenance=body.periods()))
    return Stream.of(runtime.streams.info(name))


@router.delete("/streams/{name:path}", status_code=204, responses=problems(403, 404, 409, 422, 429, 503))
@needs(Scope.ADMIN)
async def delete_stream(name: StreamName, runtime: RuntimeDep) -> None:
    """Forget a stream: the next rows of this name begin a new one. Its events stay."""
    runtime.streams.info(name)
    await change(runtime, StreamRecord(name, forget=True))


@router.get("/rows", responses=problems(403, 404, 409, 422, 503))
@needs(Scope.READ)
async def list_rows(
    stream: str, runtime: RuntimeDep, last: Annotated[int, Query(ge=1, le=RECENT)] = RECENT
) -> ToldList:
    """Return the last rows of a stream, oldest first, with what was told of them; the last 256 are kept."""
    found = await runtime.streams.read(stream)
    recent = list(found.recent)
    return ToldList(data=[Told.of(found.kind, row) for row in recent[-last:]])


@router.post(
    "/feedback",
    responses=problems(400, 403, 404, 409, 413, 415, 422, 429, 503),
    dependencies=[TAKES_JSON],
)
@needs(Scope.TEACH)
async def judge(body: Feedback, runtime: RuntimeDep) -> Stream:
    """Say of an event that it was normal, and such rows are no news from then on; or that it was an anomaly."""
    runtime.streams.info(body.stream)
    await change(runtime, StreamRecord(body.stream, event=body.event, verdict=body.verdict))
    return Stream.of(runtime.streams.info(body.stream))


@router.get("/events", responses=problems(403, 422, 503))
@needs(Scope.READ)
async def list_events(
    runtime: RuntimeDep,
    after: Annotated[int, Query(ge=0, description="the id of an event")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    stream: str | None = None,
    newest: Annotated[bool, Query(description="the last ones, instead of the first behind `after`")] = False,
) -> EventList:
    """List the events of all streams, or of one, in order, those behind `after`; the last 100,000 are kept.

    Of the `newest` there is no `next`: those that are missing are older.
    """
    events = runtime.streams.events
    found = await (events.newest if newest else events.after)(after, limit + 1, stream)
    has_more = len(found) > limit
    data = [News.of(event) for event in (found[-limit:] if newest else found[:limit])]
    return EventList(data=data, has_more=has_more, next=data[-1].id if has_more and not newest else None)


def _chosen(options: Options | None, kind: Kind, before: Mapping[str, str | float | None]) -> Chosen:
    """Return what is chosen. Raises Invalid for what cannot be, of a stream of this kind with what it has."""
    chosen: Chosen = {} if options is None else options.model_dump(exclude_unset=True)
    try:
        newborn(kind, {**before, **chosen})
    except ValueError as error:
        raise Invalid([ErrorLocation(detail=str(error), pointer="/options")]) from error
    return chosen
