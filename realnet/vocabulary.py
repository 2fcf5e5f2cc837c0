"""Text <-> token ids."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Vocabulary:
    """`bytes`: a text is the bytes of its UTF-8, 256 tokens, nothing is unknown."""

    name = "bytes"
    size = 256

    def encode(self, text: str) -> NDArray[np.int32]:
        """Return (T,) tokens. A lone surrogate, which UTF-8 has no bytes for, becomes a question mark."""
        return np.frombuffer(text.encode("utf-8", errors="replace"), np.uint8).astype(np.int32)

    def decode(self, tokens: Sequence[int]) -> str:
        """Return a text. Bytes that are no UTF-8 become U+FFFD."""
        return bytes(tokens).decode("utf-8", errors="replace")


def vocabulary_named(name: object) -> Vocabulary:
    """Return the vocabulary of this name. Raises ValueError if there is none."""
    if name != Vocabulary.name:
        raise ValueError(f"vocabulary is {name!r}, must be {Vocabulary.name}")
    return Vocabulary()
