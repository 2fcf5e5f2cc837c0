"""Give the net inputs to live through."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from realnet.inputs import Input as GivenInput
from realnet.outputs import Level
from service.api.access import needs
from service.api.deps import TAKES_JSON, CallerDep, Edge, EdgeDep, problems
from service.api.encoding import PIECE, Output, encode_outputs, outputs_schema, pieces, structs
from service.api.long_texts import with_tokens
from service.api.schemas import Accepted, Input
from service.api.senders import content_digest
from service.auth.keyring import Caller
from service.auth.keys import Scope
from service.engine.commands import Run
from service.engine.pace import Mode
from service.errors import Conflict, Refused
from service.replica.senders import Learnt
from service.runtime.runtime import Runtime

router = APIRouter(prefix="/v1/inputs", tags=["inputs"])

_RUN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The input was run, and these are its outputs",
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
@needs(Scope.TEACH)
async def post_inputs(
    body: Input,
    edge: EdgeDep,
    caller: CallerDep,
    wait: bool = False,
    outputs: Annotated[Level, Query(description="what of the outputs is in the answer, with `wait`")] = "full",
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=128)] = None,
) -> Response:
    """Queue an input, whole or not at all. Answers when the journal has it, or with `wait` when it has been run.

    The same input under the same Idempotency-Key is not learnt again within 24 hours: the answer is as before, with
    those of its outputs that are still kept. Another body under the same key is refused with 422. Each caller has
    Idempotency-Keys of its own, of which `REALNET_IDEMPOTENCY_KEYS` (100,000) are remembered; once as many have come in
    24 hours, a new one is refused with 429, and `Retry-After` says when the oldest is forgotten.
    """
    if wait:
        check_is_run(edge.runtime)
    interface, most = edge.runtime.interface, edge.settings.max_ticks_per_request
    given = await with_tokens(lambda: body.parsed(interface, most), body.text, interface)
    label, level = body.label or caller.label, outputs if wait else None
    return await live(edge, caller, given, body.learn, label, body.session, level, idempotency_key)


def check_is_run(runtime: Runtime) -> None:
    """Raise Conflict while no input is run that one could wait for."""
    if runtime.status.mode is Mode.PAUSED:
        raise Conflict("the net is paused: send without wait, or resume it by PATCH /v1/net")


async def live(
    edge: Edge,
    caller: Caller,
    given: GivenInput,
    learn: bool,
    label: str | None,
    session: str | None,
    level: Level | None,
    key: str | None,
) -> Response:
    """Have an input lived through, once where it has an Idempotency-Key; return the answer. Raises Refused.

    That is with what of its outputs `level` says, once it has been run; with None, once the journal has it.
    """
    runtime = edge.runtime
    command = Run(given, learn=learn, label=label, session=session)
    if level is not None:
        command.outputs = level
    rates = runtime.rates()
    caller.check_pace(rates)
    if key is not None:
        learnt = edge.idempotency_keys.begin(caller.space, key, command, content_digest(given, learn, session))
        if learnt is not None:
            return await _answered_before(learnt, runtime, level)
    if level is None:  # else nobody need be woken for it
        command.journalled = asyncio.get_running_loop().create_future()
    try:
        runtime.submit(command)
    except Refused:
        command.reply.cancel()
        raise
    caller.take(command.ticks, rates)
    if command.journalled is not None:
        await command.journalled
        return _queued(command.ticks, runtime)
    assert level is not None, "it is journalled, or run"
    ran = await command.reply
    return _run(command.ticks, await encode_outputs(pieces(ran.outputs, level, session)))


async def _answered_before(learnt: Learnt, runtime: Runtime, level: Level | None) -> Response:
    """Answer an input that was learnt before, with those of its outputs that are still kept; None: without any."""
    ticks = learnt.last_tick - learnt.first_tick + 1
    if level is None:
        return _queued(ticks, runtime)
    position = runtime.outputs.position_after(learnt.first_tick - 1)
    kept: list[list[Output]] = []
    while True:
        batch, position, _, session = runtime.outputs.read(position, PIECE)
        if batch is None:
            break
        kept.append([output for output in structs(batch, level, session) if output.tick <= learnt.last_tick])
        if batch.tick[-1] >= learnt.last_tick:
            break
    return _run(ticks, await encode_outputs(kept))


def _queued(accepted: int, runtime: Runtime) -> Response:
    answer = Accepted(accepted=accepted, queued=runtime.inbox.depth)
    return Response(answer.model_dump_json(), 202, media_type="application/json")


def _run(accepted: int, outputs: bytes) -> Response:
    return Response(b'{"accepted":%d,"outputs":%b}' % (accepted, outputs), media_type="application/json")
