"""What the net is to live through."""

from typing import Any

from fastapi import APIRouter, Response

from service.outputs import pieces
from service.routes import TAKES_JSON, Handles, encode_outputs, outputs_schema, problems
from service.schemas import Accepted, Input

router = APIRouter(prefix="/v1/inputs", tags=["inputs"])

_RUN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "It was run, and these are the outputs",
        "content": {"application/json": {"schema": outputs_schema(accepted={"type": "integer"})}},
    }
}


@router.post(
    "",
    status_code=202,
    response_model=Accepted,
    responses=_RUN | problems(400, 403, 409, 413, 415, 422, 429, 503),
    dependencies=[TAKES_JSON],
)
async def post_inputs(body: Input, spine: Handles, wait: bool = False) -> Accepted | Response:
    """Taken whole or refused whole. With `wait`, answers when it has been run."""
    command = body.run(spine.engine.shape, spine.settings.max_ticks_per_request)
    spine.inbox.put(command)
    if not wait:
        return Accepted(accepted=command.ticks, queued=spine.inbox.depth)
    ran = await command.reply
    outputs = await encode_outputs(pieces(ran.outputs))
    return Response(b'{"accepted":%d,"outputs":%b}' % (command.ticks, outputs), media_type="application/json")
