"""Read the outputs of the last ticks."""

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from realnet.outputs import Level
from service.api.access import needs
from service.api.deps import RuntimeDep, problems
from service.api.encoding import PIECE, Output, encode_outputs, outputs_schema, structs
from service.auth.keys import Scope
from service.validation import SessionName

router = APIRouter(prefix="/v1/outputs", tags=["outputs"])

_TICK = {"type": "integer"}
_SCHEMA = outputs_schema(cursor=_TICK, oldest={"anyOf": [_TICK, {"type": "null"}]})
_OUTPUTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Oldest first", "content": {"application/json": {"schema": _SCHEMA}}}
}


@router.get("", response_class=Response, responses=_OUTPUTS | problems(422))
@needs(Scope.READ)
async def get_outputs(
    runtime: RuntimeDep,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="a tick, as `cursor` of the answer before")] = 0,
    limit: Annotated[int, Query(ge=1, le=4096)] = 1000,
    outputs: Annotated[
        Level | None, Query(description="what of them; it is computed for ten seconds more. Left out: what there is")
    ] = None,
    session: Annotated[SessionName | None, Query(description="only those of this session")] = None,
) -> Response:
    """Return the outputs after a tick. Where `oldest` is later than the next tick, some are no longer kept.

    What nobody asked for when a token came was not computed, and is null: whoever follows the net here says in each
    request which `outputs` it needs. With `none` there are none, and `cursor` is the present tick.
    """
    if outputs is not None:
        runtime.outputs.wanted.lease(outputs)
    oldest = runtime.outputs.oldest_tick
    cursor = min(after, runtime.status.tick)  # a restore may have taken the net back
    if outputs == "none":
        cursor, limit = runtime.status.tick, 0
    position = runtime.outputs.position_after(cursor)
    read: list[list[Output]] = []
    while limit > 0:
        if session is not None:
            position = runtime.outputs.next_of(session, position)
        batch, position, _, of = runtime.outputs.read(position, min(limit, PIECE))
        if batch is None:
            break
        if session is not None and of != session:  # it came meanwhile
            continue
        read.append(structs(batch, outputs or "full", of))
        limit -= len(batch)
        cursor = int(batch.tick[-1])
        await asyncio.sleep(0)
    tail = json.dumps({"cursor": cursor, "oldest": oldest})[1:]
    encoded = await encode_outputs(read)
    return Response(b'{"outputs":%b,%b' % (encoded, tail.encode()), media_type="application/json")
