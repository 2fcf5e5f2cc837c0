"""Answers in the form of the OpenAI API, whole or in server-sent events."""

import asyncio
import json
from asyncio import Future
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from fastapi import Response
from fastapi.sse import format_sse_event

from service.api.generation import end, stream_of
from service.api.openai.answers import FinishReason, Usage
from service.api.openai.errors import error_of
from service.api.openai.said import Said, Text
from service.engine.generate import Generate, Generation
from service.errors import Refused, problem_of

Choice: TypeAlias = Callable[[int, Text, FinishReason | None], dict[str, Any]]  # of an index, a text and why it ends

STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Text; with `stream` in chunks, the last of which is `[DONE]`",
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "object",
                    "properties": {"data": {"type": "string"}},
                    "required": ["data"],
                }
            }
        },
    }
}


async def answered(
    head: dict[str, Any],
    choice: Callable[[int, Said, Generation], dict[str, Any]],
    said: Sequence[Said],
    generated: Sequence[Generation],
    prompt_tokens: int,
) -> Response:
    """Write an answer on a thread: probabilities of thousands of tokens would keep the loop from others."""

    def written() -> bytes:
        usage = Usage.of(prompt_tokens, sum(len(each.tokens) for each in generated)).model_dump()
        choices = [choice(index, *each) for index, each in enumerate(zip(said, generated, strict=True))]
        return json.dumps(head | {"choices": choices, "usage": usage}).encode()

    return Response(await asyncio.to_thread(written), media_type="application/json")


@dataclass(slots=True, frozen=True)
class Chunks:
    """How an answer is written in chunks; `first` is a choice's first one, if something comes before its text."""

    head: dict[str, Any]
    choice: Choice
    first: Callable[[int], dict[str, Any]] | None = None
    usage: bool = False

    def chunk(self, *choices: dict[str, Any], **others: Any) -> bytes:
        usage = {"usage": None} if self.usage else {}
        return _event(self.head | {"choices": choices} | usage | others)


async def events(
    commands: Sequence[Generate],
    said: Sequence[Said],
    chunks: Chunks,
    prompt_tokens: int,
    taught: "Future[Any] | None" = None,
) -> AsyncIterator[bytes]:
    """Yield one choice after the other, though they are generated at once; then that all is done, or an error."""
    count = 0
    try:
        for index, (command, saying) in enumerate(zip(commands, said, strict=True)):
            if chunks.first is not None:
                yield chunks.chunk(chunks.first(index))
            if (text := saying.opening()).text:
                yield chunks.chunk(chunks.choice(index, text, None))
            async for piece in stream_of(command):
                text = saying.add(piece)
                if text.text or text.tokens:
                    yield chunks.chunk(chunks.choice(index, text, None))
                await asyncio.sleep(0)  # of a later choice all pieces may be there already
            generated = await command.reply
            count += len(generated.tokens)
            if (text := saying.rest()).text or text.tokens:
                yield chunks.chunk(chunks.choice(index, text, None))
            yield chunks.chunk(chunks.choice(index, Text("", []), generated.finish_reason))
        if taught is not None:
            await taught
        if chunks.usage:
            yield chunks.chunk(usage=Usage.of(prompt_tokens, count).model_dump())
        yield format_sse_event(data_str="[DONE]")
    except Refused as error:
        yield _event(error_of(problem_of(error)).model_dump())
    finally:
        end(commands)


def _event(data: dict[str, Any]) -> bytes:
    return format_sse_event(data_str=json.dumps(data))
