"""Turn a prompt into a command, and its tokens into text, in pieces as they come."""

import asyncio
from collections.abc import AsyncIterator

from realnet.interface import Interface
from realnet.vocabulary import Continuation, Vocabulary
from service.api.long_texts import with_tokens
from service.api.schemas import GeneratedText, Prompt, tokens_of
from service.engine.commands import Generate, Generation
from service.errors import Conflict, ErrorLocation, Invalid
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
    queue: asyncio.Queue[list[int]] | None = asyncio.Queue() if stream else None
    adapts = prompt.read == "adapt"
    command = Generate(tokens, prompt.max_tokens, prompt.temperature, prompt.seed, queue, prompt.fresh, adapts)
    return command, interface.vocabulary


async def pieces_of(command: Generate, vocabulary: Vocabulary) -> AsyncIterator[tuple[str, list[int]]]:
    """Yield text and tokens as they come, until `command.reply` is done. To stop the iteration ends the generation."""
    assert command.stream is not None
    stream = command.stream
    command.reply.add_done_callback(lambda _: stream.put_nowait([]))
    said = Continuation(vocabulary, command.prompt.tolist())
    try:
        while new := await stream.get():
            yield said.add(new), new
        if rest := said.rest():
            yield rest, []
    finally:
        command.cancelled = True


def text_of(command: Generate, generated: Generation, vocabulary: Vocabulary) -> GeneratedText:
    said = Continuation(vocabulary, command.prompt.tolist())
    return GeneratedText(
        text=said.add(generated.tokens) + said.rest(),
        tokens=generated.tokens,
        tick=generated.tick,
        finish_reason=generated.finish_reason,
    )
