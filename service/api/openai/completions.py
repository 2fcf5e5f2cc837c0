"""Go on from a prompt, in the form of the OpenAI API."""

import secrets
import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.sse import EventSourceResponse

from service.api.access import needs
from service.api.deps import TAKES_JSON, CallerDep
from service.api.generation import replies
from service.api.openai.answers import Completion, CompletionLogprobs, FinishReason
from service.api.openai.chosen import ModelsDep
from service.api.openai.errors import errors
from service.api.openai.requests import check_choices, generations, start, tokens_of, vocabulary_of
from service.api.openai.said import Said, Text
from service.api.openai.schemas import CompletionRequest
from service.api.openai.writing import STREAM, Chunks, answered, events
from service.auth.keys import Scope
from service.engine.generate import Generation, Telling

router = APIRouter(prefix="/v1/completions", tags=["openai"])

_MAX_TOKENS = 16


@router.post(
    "",
    response_model=Completion,
    responses=STREAM | errors(400, 401, 403, 404, 408, 413, 415, 429, 503),
    dependencies=[TAKES_JSON],
)
@needs(Scope.READ, of_net=False)
async def create_completion(
    body: CompletionRequest, request: Request, models: ModelsDep, caller: CallerDep
) -> Response:
    """Go on from a text, with nothing else in mind, as the OpenAI API does. Nothing is learnt.

    Ends within a few tokens when the client leaves or its key is revoked.
    """
    edge = await models.opened(body.model)
    vocabulary = vocabulary_of(edge)
    check_choices(body, len(body.prompt), edge)
    prompts = [await tokens_of(each, "prompt", edge, edge.settings.max_prompt_tokens) for each in body.prompt]
    echo, max_tokens = bool(body.echo), body.max_tokens
    if max_tokens is None:
        max_tokens = min(_MAX_TOKENS, edge.settings.max_tokens)
    telling = None if body.logprobs is None else Telling(body.logprobs, of_prompt=echo)
    commands = generations(body, prompts, ("max_tokens", max_tokens), edge, telling=telling)
    said = [Said(command, vocabulary, echo) for command in commands]
    read = sum(map(len, prompts))

    def choice(index: int, text: Text, finish_reason: FinishReason | None) -> dict[str, Any]:
        logprobs = None
        if telling is not None and (text.tokens or not body.stream):
            logprobs = CompletionLogprobs.of(text.tokens, vocabulary).model_dump()
        return {"index": index, "text": text.text, "logprobs": logprobs, "finish_reason": finish_reason}

    head = {
        "id": f"cmpl-{secrets.token_hex(12)}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": body.model,
    }
    start(commands, edge, caller)
    if body.stream:
        return EventSourceResponse(events(commands, said, Chunks(head, choice, usage=body.include_usage), read))
    generated = await replies(commands, request)

    def whole(index: int, saying: Said, each: Generation) -> dict[str, Any]:
        return choice(index, saying.whole(each), each.finish_reason)

    return await answered(head, whole, said, generated, read)
