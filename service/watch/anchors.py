"""What known programs reach on the text that the net has learnt from: marks beside its own bits."""

import asyncio
import bz2
import lzma

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from realnet.vocabulary import Vocabulary
from service.engine.commands import ReadExperience
from service.engine.engine import Engine
from service.errors import Conflict
from service.journal.records import packed_tokens

MOST_TOKENS = 2**20  # that are compressed: about a second


class Anchor(BaseModel, frozen=True):
    """A program, and the bits a token of what it makes of the text."""

    name: str
    bits: float


class Anchors(BaseModel, frozen=True):
    """Measured here on the last `tokens` tokens that the net has learnt from, all of them up to 1,048,576.

    There are none before the first token.
    """

    tokens: int
    anchors: list[Anchor]


async def anchors_of(engine: Engine) -> Anchors:
    """Compress the text, on a thread. Raises Conflict for a net of frames, which has none."""
    vocabulary = engine.interface.vocabulary
    if vocabulary is None:
        raise Conflict("a net of raw frames has no text")
    tokens = await engine.ask(ReadExperience(MOST_TOKENS))
    if not len(tokens):
        return Anchors(tokens=0, anchors=[])
    return await asyncio.to_thread(lambda: _measured(tokens, vocabulary))


def _measured(tokens: NDArray[np.int32], vocabulary: Vocabulary) -> Anchors:
    has_words = vocabulary.is_text and vocabulary.content
    text = vocabulary.decode(tokens.tolist()).encode() if has_words else packed_tokens(tokens)
    made = {"bzip2": len(bz2.compress(text)), "xz": len(lzma.compress(text))}
    anchors = [Anchor(name=name, bits=round(8 * size / len(tokens), 4)) for name, size in made.items()]
    return Anchors(tokens=len(tokens), anchors=anchors)
