"""Generations that end at a string, and that tell how probable their tokens were."""

import asyncio

import pytest

from realnet import DendriteLearner
from realnet.learners import Learner
from service.engine.generate import Generate, Piece, Telling
from tests.engine.running_engine import TOKENS, living, small

pytestmark = pytest.mark.anyio


def taught(learner: Learner) -> Learner:
    learner.run(TOKENS)  # type: ignore[attr-defined]
    return learner


@pytest.mark.parametrize(("stops", "said"), [(("es,",), "es,"), (("zz", "s, a"), "es, a"), (("zz",), None)])
async def test_a_generation_ends_with_the_token_that_completes_a_stop(stops: tuple[str, ...], said: str | None) -> None:
    async with living(taught(small())) as lived:
        stream: asyncio.Queue[Piece | None] = asyncio.Queue()
        command = Generate(TOKENS[:11], 40, 0.0, 0, stream, fresh=True, stops=stops)
        generated = await lived.engine.ask(command)
        assert generated.finish_reason == ("length" if said is None else "stop")
        assert said is None or bytes(generated.tokens).decode() == said
        pieces = [stream.get_nowait() for _ in range(stream.qsize())]
        assert [token for piece in pieces if piece for token in piece.tokens] == generated.tokens
        assert generated.told == []


@pytest.mark.parametrize("length", [0, 12])
async def test_prompt_and_tokens_are_told(length: int) -> None:
    learner = taught(DendriteLearner.create())
    generator = learner.generator(TOKENS[:100], 1.0, 3, fresh=True)
    expected = generator.read_told(2) + generator.read_told(2) + generator.step_told(length, 2)
    async with living(learner) as lived:
        whole = Generate(TOKENS[:100], length, 1.0, 3, fresh=True, telling=Telling(2, of_prompt=True))
        own = Generate(TOKENS[:100], length, 1.0, 3, fresh=True, telling=Telling(2))
        generated = await lived.engine.ask(whole)
        assert (generated.told, generated.tokens) == (expected, [each.token for each in expected[100:]])
        assert (await lived.engine.ask(own)).told == expected[100:]
