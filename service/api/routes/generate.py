"""Generate text from a fork of the net, which learns nothing from it."""

import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.sse import EventSourceResponse, format_sse_event

from realnet.vocabulary import Vocabulary
from service.api.access import needs
from service.api.deps import TAKES_JSON, CallerDep, EdgeDep, problems
from service.api.generation import begin, command_of, end, pieces_of, replies, text_of
from service.api.schemas import GeneratedText, Prompt
from service.auth.keys import Scope
from service.engine.generate import Generate
from service.errors import Refused, problem_of

router = APIRouter(prefix="/v1/generate", tags=["generate"])

_EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["token", "done", "error"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Text; with `stream` the events `token` (text and tokens), then `done` (all) or `error`",
        "content": {"text/event-stream": {"schema": _EVENT}},
    }
}


@router.post(
    "",
    response_model=GeneratedText,
    responses=_STREAM | problems(400, 403, 404, 409, 413, 415, 422, 429, 502, 503),
    dependencies=[TAKES_JSON],
)
@needs(Scope.READ)
async def generate(body: Prompt, request: Request, edge: EdgeDep, caller: CallerDep) -> GeneratedText | Response:
    """Generate text. Ends within a few tokens when the client leaves or its key is revoked."""
    command, vocabulary = await command_of(body, edge.runtime.interface, edge.settings, body.stream)
    begin([command], edge.runtime, caller)
    if body.stream:
        return EventSourceResponse(_events(command, vocabulary))
    [generated] = await replies([command], request)
    return text_of(command, generated, vocabulary)


async def _events(command: Generate, vocabulary: Vocabulary) -> AsyncIterator[bytes]:
    try:
        async for text, tokens in pieces_of(command, vocabulary):
            yield _event("token", {"text": text, "tokens": tokens})
        yield _event("done", text_of(command, await command.reply, vocabulary).model_dump())
    except Refused as error:
        yield _event("error", problem_of(error).model_dump(exclude_none=True))
    finally:
        end([command])


def _event(name: str, data: dict[str, Any]) -> bytes:
    return format_sse_event(event=name, data_str=json.dumps(data))
