"""Checks of tokens and of what a learner keeps of those it has seen, and tokens as teachers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realnet.core.checks import is_whole
from realnet.core.state import Float32
from realnet.inputs import Input

Tokens = NDArray[np.int32]


def checked_ids(tokens: ArrayLike, size: int) -> Tokens:
    """Return (T,) tokens of a vocabulary of this size. Raises ValueError."""
    ids = np.asarray(tokens)
    if ids.size == 0:
        return np.empty(0, np.int32)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise ValueError("tokens must be a list of integers")
    if ids.min() < 0 or ids.max() >= size:
        unknown = np.flatnonzero((ids < 0) | (ids >= size))
        raise ValueError(f"tokens[{unknown[0]}] must be in 0 to {size - 1}")
    return ids.astype(np.int32)


def checked_tokens(data: Any, vocabulary: int) -> NDArray[Any]:
    """Return the data of a fit. Looks at parts: it may be a file, and larger than the memory. Raises ValueError."""
    if not isinstance(data, np.ndarray) or data.ndim != 1 or not np.issubdtype(data.dtype, np.integer):
        raise ValueError("the data of a token net must be an array of integers, (T,)")
    for start in range(0, len(data), 2**20):
        part = data[start : start + 2**20]
        wrong = np.flatnonzero((part < 0) | (part >= vocabulary))
        if wrong.size:
            raise ValueError(f"tokens[{start + wrong[0]}] must be in 0 to {vocabulary - 1}")
    return data


def tokens_of(given: Input) -> Tokens:
    """Return the tokens of an input. Raises ValueError for one of frames."""
    if given.tokens is None:
        raise ValueError("this net takes tokens, not frames")
    return given.tokens


def one_hot(ids: ArrayLike, size: int) -> Float32:
    """Return (T, size) teachers of T tokens."""
    ids = np.asarray(ids)
    teachers = np.zeros((len(ids), size), np.float32)
    teachers[np.arange(len(ids)), ids] = 1.0
    return teachers


def check_seen(seen: Any, score: NDArray[Any]) -> None:
    """Raise ValueError if these are not a number of tokens, and the sums of a score."""
    if score.shape != (3,) or score.dtype != np.float64 or not np.isfinite(score).all():
        raise ValueError("the array score must be 3 finite numbers of float64")
    if not is_whole(seen) or seen < 0:
        raise ValueError(f"tokens_seen is {seen!r}, must be a whole number, at least 0")
