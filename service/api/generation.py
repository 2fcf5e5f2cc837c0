"""Turn a prompt into a command, run it for a caller, and turn its tokens into text, in pieces as they come."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import Request

from realnet.interface import Interface
from realnet.vocabulary import Continuation, Vocabulary
from service.api.long_texts import with_tokens
from service.api.schemas import GeneratedText, Prompt, tokens_of
from service.auth.keyring import Caller
from service.engine.generate import Generate, Generation, Piece
from service.errors import Conflict, ErrorLocation, Invalid, Refused, Unauthorized
from service.runtime.runtime import Runtime
from service.settings import Settings


async def command_of(
    prompt: Prompt, interface: Interface, settings: Settings, stream: bool
) -> tuple[Generate, Vocabulary]:
    """Raises Conflict or Invalid for what this net cannot go on from."""
    if interface.vocabulary is None:
        raise Conflict("a net of raw frames has no tokens to generate")
    if prompt.read == "adapt" and not interface.adapts:
        raise Conflict("only a net of dendrites adapts to a prompt: leave read out")
    if prompt.max_tokens > settings.max_tokens:
        raise Invalid([ErrorLocation(detail=f"{settings.max_tokens} at most", pointer="/max_tokens")])
    most = settings.max_prompt_tokens
    tokens = await with_tokens(lambda: tokens_of(prompt, interface, most), prompt.prompt, interface)
    queue: asyncio.Queue[Piece | None] | None = asyncio.Queue() if stream else None
    adapts = prompt.read == "adapt"
    command = Generate(
        *(tokens, prompt.max_tokens, prompt.temperature, prompt.seed, queue, prompt.fresh, adapts),
        link=prompt.link,
        session=prompt.session,
    )
    return command, interface.vocabulary


def begin(commands: Sequence[Generate], runtime: Runtime, caller: Caller) -> None:
    """Begin generations, all or none; each ends when the caller's key is revoked. Raises Refused."""
    rates = runtime.rates()
    caller.check_pace(rates)
    try:
        for command in commands:
            runtime.generate(command, caller.space)
    except Refused:
        end(commands)
        raise
    for command in commands:
        caller.take(command.ticks, rates)
        _watch_key(command, caller)


def _watch_key(command: Generate, caller: Caller) -> None:
    ending = asyncio.create_task(_end_when_revoked(command, caller))
    command.reply.add_done_callback(lambda _: ending.cancel())


async def _end_when_revoked(command: Generate, caller: Caller) -> None:
    """Wait for the key to be revoked; then end the generation, and raise Unauthorized for whoever waits for it."""
    await caller.revoked.wait()
    command.cancelled = True
    if not command.reply.done():
        command.reply.set_exception(Unauthorized("the key has been revoked"))
        command.reply.exception()  # else asyncio warns if the client has left and nobody looks at it


async def replies(commands: Sequence[Generate], request: Request) -> list[Generation]:
    """Wait for what is generated; end it if the client leaves. The body of the request must be complete."""
    gone = asyncio.ensure_future(request.receive())  # all that can still come is the client's leaving
    waiting: set[asyncio.Future[Any]] = {command.reply for command in commands}
    try:
        while waiting and not gone.done():
            done, _ = await asyncio.wait({*waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
            waiting -= done
    finally:
        end(commands)
        gone.cancel()
    return [await command.reply for command in commands]


def end(commands: Sequence[Generate]) -> None:
    """End generations, if they have not ended."""
    for command in commands:
        command.cancelled = True


async def stream_of(command: Generate) -> AsyncIterator[Piece]:
    """Yield what is generated, until `command.reply` is done."""
    assert command.stream is not None
    stream = command.stream
    command.reply.add_done_callback(lambda _: stream.put_nowait(None))
    while (piece := await stream.get()) is not None:
        yield piece


async def pieces_of(command: Generate, vocabulary: Vocabulary) -> AsyncIterator[tuple[str, list[int]]]:
    """Yield text and tokens as they come, until `command.reply` is done. To stop the iteration ends the generation."""
    said = Continuation(vocabulary, command.prompt.tolist())
    try:
        async for piece in stream_of(command):
            yield said.add(piece.tokens), piece.tokens
        if rest := said.rest():
            yield rest, []
    finally:
        end([command])


def text_of(command: Generate, generated: Generation, vocabulary: Vocabulary) -> GeneratedText:
    said = Continuation(vocabulary, command.prompt.tolist())
    return GeneratedText(
        text=said.add(generated.tokens) + said.rest(),
        tokens=generated.tokens,
        tick=generated.tick,
        finish_reason=generated.finish_reason,
    )
