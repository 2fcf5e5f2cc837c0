"""What a request of the OpenAI face becomes: generations of a net, and an input that is learnt once."""

import asyncio
import secrets
from asyncio import Future
from typing import Any

from numpy.typing import NDArray

from realnet.inputs import Input, InputError
from realnet.vocabulary import Vocabulary
from service.api.deps import Edge
from service.api.generation import begin, end
from service.api.long_texts import with_tokens
from service.api.openai.schemas import Sampling
from service.api.senders import content_digest
from service.auth.keyring import Caller
from service.engine.commands import Run
from service.engine.generate import Generate, Telling
from service.engine.pace import Mode
from service.errors import ErrorLocation, Invalid, Refused

_SEEDS = 2**63


def vocabulary_of(edge: Edge) -> Vocabulary:
    """Return the vocabulary of the model. Raises Invalid for a net of frames."""
    vocabulary = edge.runtime.interface.vocabulary
    if vocabulary is None:
        raise wrong("model", "this net takes raw frames, and has no tokens to generate")
    return vocabulary


async def tokens_of(prompt: str | list[int], place: str, edge: Edge, most: int) -> NDArray[Any]:
    """Return the tokens of a text or of ids. Raises Invalid for what are none of the net's, or more than `most`."""
    interface = edge.runtime.interface
    if isinstance(prompt, list):
        _check_length(len(prompt), place, most)  # before a long list is looked at
    try:
        if isinstance(prompt, str):
            given = await with_tokens(lambda: interface.parse(text=prompt), prompt, interface)
        else:
            given = interface.parse(tokens=prompt)
    except InputError as error:
        raise wrong(place, error.detail) from None
    _check_length(len(given), place, most)
    assert given.tokens is not None, "a net with a vocabulary reads tokens"
    return given.tokens


def _check_length(count: int, place: str, most: int) -> None:
    if count > most:
        raise wrong(place, f"{count} tokens, and {most} may be")


def check_choices(body: Sampling, prompts: int, edge: Edge) -> None:
    """Raises Invalid for more choices than one key may have places for."""
    count, most = body.n or 1, (edge.settings.max_generations + 1) // 2
    if count * prompts > most:
        raise wrong("n" if count > most else "prompt", f"{most} choices at most in one request")


def generations(
    body: Sampling,
    prompts: list[NDArray[Any]],
    max_tokens: tuple[str, int],
    edge: Edge,
    *,
    telling: Telling | None,
    stops: tuple[str, ...] = (),
) -> list[Generate]:
    """Return `n` generations for each prompt, each from nothing in mind. Raises Invalid.

    `max_tokens` goes with the name that it has in the request; `stops` are added to those of the request.
    """
    name, tokens = max_tokens
    if tokens > edge.settings.max_tokens:
        raise wrong(name, f"{edge.settings.max_tokens} at most")
    seed = secrets.randbelow(_SEEDS) if body.seed is None else body.seed
    return [
        Generate(
            prompt=prompt,
            max_tokens=tokens,
            temperature=1.0 if body.temperature is None else body.temperature,
            seed=(seed + number) % _SEEDS,
            stream=asyncio.Queue() if body.stream else None,
            fresh=True,
            stops=body.stop + stops,
            telling=telling,
        )
        for prompt in prompts
        for number in range(body.n or 1)
    ]


def start(
    commands: list[Generate], edge: Edge, caller: Caller, lesson: NDArray[Any] | None = None, key: str | None = None
) -> "Future[Any] | None":
    """Begin generations, and learn a lesson beside them: all or nothing. Raises Refused.

    The future, if there is one, is done when the lesson has been learnt, or of a paused net when it is journalled. The
    same lesson under the same `key` is not learnt again.
    """
    begin(commands, edge.runtime, caller)
    if lesson is None:
        return None
    try:
        return _learn(Run(Input(tokens=lesson), label=caller.label), edge, caller, key)
    except Refused:
        end(commands)
        raise


def _learn(run: Run, edge: Edge, caller: Caller, key: str | None) -> "Future[Any] | None":
    digest = content_digest(run.given, run.learn)
    if key is not None and edge.idempotency_keys.begin(caller.space, key, run, digest) is not None:
        return None
    is_paused = edge.runtime.status.mode is Mode.PAUSED
    if is_paused:
        run.journalled = asyncio.get_running_loop().create_future()
    try:
        edge.runtime.submit(run)
    except Refused:
        run.reply.cancel()
        raise
    caller.take(run.ticks, edge.runtime.rates())
    return run.journalled if is_paused else run.reply


def wrong(place: str, detail: str) -> Invalid:
    return Invalid([ErrorLocation(detail=detail, pointer=f"/{place}")])
