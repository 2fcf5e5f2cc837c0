"""Run daydreams: forks of the net talk freely, and what is new and yet plausible of it is kept. Nothing is learnt."""

import asyncio
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
from numpy.typing import NDArray

from realnet.vocabulary import Continuation, Vocabulary
from service.aio import in_thread
from service.engine.commands import ReadExperience, SampleExperience
from service.engine.engine import Engine
from service.engine.generate import Generate, Generation, Telling
from service.errors import Conflict, Overloaded
from service.jobs.novelty import novelty
from service.jobs.requests import DaydreamRequest
from service.jobs.runner import JobContext, JobResult
from service.replica.experience import MOST_TOKENS

_STRETCH = 8  # tokens of what was lived that a talk goes on from; with more of them it copies more
_RETRY_SECONDS = 0.1


@dataclass(slots=True, frozen=True, eq=False)
class _Prompt:
    tokens: NDArray[np.int32]
    fresh: bool  # whether it is read from nothing in mind


@dataclass(slots=True, frozen=True, eq=False)
class _Talk:
    prompt: _Prompt
    tokens: NDArray[np.int32]
    bits: float  # a token, as the fork judged its own talk

    def told(self, vocabulary: Vocabulary, novelty: float | None) -> JobResult:
        before = self.prompt.tokens.tolist()
        words = Continuation(vocabulary, before)
        text = words.add(self.tokens.tolist()) + words.rest()
        return {
            "text": text,
            "prompt": vocabulary.decode(before),
            "plausibility": round(self.bits, 4),
            "novelty": None if novelty is None else round(novelty, 4),
        }


class DaydreamJob:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def run(self, job: JobContext) -> JobResult:
        """Talk, judge, and keep; after a crash begin again. Raises Conflict or EngineStopped."""
        asked = DaydreamRequest.model_validate(job.request)
        vocabulary = self._engine.interface.vocabulary
        if vocabulary is None:
            raise Conflict("a net of raw frames has no tokens to talk in")
        talks: list[_Talk] = []
        for number, prompt in enumerate(await self._prompts(asked, vocabulary)):
            generation = await self._generate(asked, prompt, asked.seed + number)
            bits = -sum(math.log2(each.probability) for each in generation.told) / len(generation.told)
            talks.append(_Talk(prompt, np.array(generation.tokens, np.int32), bits))
            await job.report(0.95 * len(talks) / asked.count, talks=len(talks))
        lived = await self._engine.ask(ReadExperience(MOST_TOKENS))
        shares: list[float] | None = None
        if len(lived):
            shares = await in_thread(lambda: novelty([talk.tokens for talk in talks], lived, asked.ngram))
        best = _most_surprising([talk.bits for talk in talks], shares)[: asked.keep]
        return {
            "talks": [talks[i].told(vocabulary, None if shares is None else shares[i]) for i in best],
            "made": len(talks),
            "plausibility": round(sum(talk.bits for talk in talks) / len(talks), 4),
            "novelty": None if shares is None else round(sum(shares) / len(shares), 4),
            "ngram": asked.ngram,
            "compared_with": len(lived),
        }

    async def _prompts(self, asked: DaydreamRequest, vocabulary: Vocabulary) -> Iterator[_Prompt]:
        """Return what each talk goes on from: what was given, else stretches of what is kept, else what is in mind."""
        if not asked.prompts:
            drawn = await self._engine.ask(SampleExperience(asked.count, _STRETCH, 0, [asked.seed]))
            lived = [each.given.tokens for each in drawn if each.given.tokens is not None]
            if lived:
                return iter([_Prompt(tokens, True) for tokens in lived])
        given = [vocabulary.encode(prompt) for prompt in asked.prompts or [""]]
        return islice(cycle([_Prompt(tokens, False) for tokens in given]), asked.count)

    async def _generate(self, asked: DaydreamRequest, prompt: _Prompt, seed: int) -> Generation:
        """Return a talk of a fork of the net as it is now. Waits while all places for generations are taken."""
        while True:
            command = Generate(
                prompt.tokens, asked.length, asked.temperature, seed, fresh=prompt.fresh, telling=Telling(top=0)
            )
            try:
                return await self._engine.ask(command)
            except Overloaded:
                await asyncio.sleep(_RETRY_SECONDS)
            finally:
                command.cancelled = True  # it has ended, unless this job is cancelled


def _most_surprising(bits: list[float], novelty: list[float] | None) -> list[int]:
    """Return the numbers of the more plausible half of the talks, the newest first."""
    plausible = sorted(range(len(bits)), key=lambda i: bits[i])[: (len(bits) + 1) // 2]
    return plausible if novelty is None else sorted(plausible, key=lambda i: -novelty[i])
