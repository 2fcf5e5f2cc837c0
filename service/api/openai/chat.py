"""Answer a conversation, in the form of the OpenAI API, and teach it if that is asked for."""

import secrets
import time
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.sse import EventSourceResponse

from service.api.access import needs
from service.api.deps import TAKES_JSON, CallerDep
from service.api.generation import replies
from service.api.openai.answers import Chat, ChatLogprobs, FinishReason
from service.api.openai.chosen import ModelsDep
from service.api.openai.errors import errors
from service.api.openai.requests import check_choices, generations, start, tokens_of, vocabulary_of
from service.api.openai.said import Said, Text
from service.api.openai.schemas import ChatRequest
from service.api.openai.transcript import ANSWER, LEAD, STOPS, transcript_of
from service.api.openai.writing import STREAM, Chunks, answered, events
from service.auth.keys import Scope
from service.engine.generate import Generation, Telling

router = APIRouter(prefix="/v1/chat/completions", tags=["openai"])

_MAX_TOKENS = 256


@router.post(
    "",
    response_model=Chat,
    responses=STREAM | errors(400, 401, 403, 404, 408, 409, 413, 415, 429, 503),
    dependencies=[TAKES_JSON],
)
@needs(Scope.READ, of_net=False)
async def create_chat_completion(
    body: ChatRequest,
    request: Request,
    models: ModelsDep,
    caller: CallerDep,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=128)] = None,
) -> Response:
    """Answer the messages, which the net reads as lines `role: content`, with nothing else in mind.

    With `learn` these lines are also taught, which needs the scope teach; the answer is not. The same lines under the
    same Idempotency-Key are not learnt again within 24 hours. Ends within a few tokens when the client leaves or its
    key is revoked; what was to be learnt is learnt all the same.
    """
    edge = await models.opened(body.model)
    vocabulary = vocabulary_of(edge)
    check_choices(body, 1, edge)
    if body.learn:
        caller.check(Scope.TEACH)
    transcript, settings = transcript_of(body.messages), edge.settings
    prompt = await tokens_of(transcript + ANSWER, "messages", edge, settings.max_prompt_tokens)
    lesson = None
    if body.learn:
        lesson = await tokens_of(transcript, "messages", edge, settings.max_ticks_per_request)
    name = "max_tokens" if body.max_tokens is not None else "max_completion_tokens"
    max_tokens = body.max_tokens or body.max_completion_tokens or min(_MAX_TOKENS, settings.max_tokens)
    telling = Telling(body.top_logprobs or 0) if body.logprobs else None
    commands = generations(body, [prompt], (name, max_tokens), edge, telling=telling, stops=STOPS)
    said = [Said(command, vocabulary, lead=LEAD) for command in commands]

    def written(index: int, what: str, message: dict[str, Any], text: Text, why: FinishReason | None) -> dict[str, Any]:
        logprobs = None
        if telling is not None and (text.tokens or not body.stream):
            logprobs = ChatLogprobs.of(text.tokens, vocabulary).model_dump()
        return {"index": index, what: message, "logprobs": logprobs, "finish_reason": why}

    def chunk(index: int, text: Text, why: FinishReason | None) -> dict[str, Any]:
        return written(index, "delta", {} if why else {"content": text.text}, text, why)

    def first(index: int) -> dict[str, Any]:
        return written(index, "delta", {"role": "assistant", "content": ""}, Text("", []), None)

    head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": body.model}
    taught = start(commands, edge, caller, lesson, idempotency_key)
    if body.stream:
        head["object"] = "chat.completion.chunk"
        chunks = Chunks(head, chunk, first, usage=body.include_usage)
        return EventSourceResponse(events(commands, said, chunks, len(prompt), taught))
    generated = await replies(commands, request)
    if taught is not None:
        await taught

    def whole(index: int, saying: Said, each: Generation) -> dict[str, Any]:
        text = saying.whole(each)
        message = {"role": "assistant", "content": text.text, "refusal": None}
        return written(index, "message", message, text, each.finish_reason)

    return await answered(head | {"object": "chat.completion"}, whole, said, generated, len(prompt))
