"""Tell how much of a talk was never lived: exactly, and in no more memory than the talks take."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ids: TypeAlias = NDArray[np.int64]

_CHUNK = 2**16  # tokens of what was lived that are looked up at a time
_NONE = -1  # the number of a row of tokens that is in no talk


class _Rows:
    """The rows of `n` tokens that are in `tokens`, numbered. A longer row is two shorter ones, by their numbers."""

    def __init__(self, tokens: Ids, n: int) -> None:
        self._tables: list[tuple[int, Ids]] = []  # how far apart two numbers are, and the pairs of them that there are
        self.n, width = n, 1
        while width < n:
            step = min(width, n - width)
            pairs = _pairs(tokens, step)
            self._tables.append((step, np.unique(pairs[pairs >= 0])))
            tokens, width = _numbers(pairs, self._tables[-1][1]), width + step
        self.count = len(self._tables[-1][1])

    def numbers(self, tokens: Ids) -> Ids:
        """Return for each `n` tokens in a row their number, `_NONE` where `tokens` have a row that no talk has."""
        for step, table in self._tables:
            tokens = _numbers(_pairs(tokens, step), table)
        return tokens


def _pairs(numbers: Ids, step: int) -> Ids:
    """Return each number with the one that is `step` behind it as one: both are below 2^31."""
    left, right = numbers[:-step], numbers[step:]
    return np.where((left < 0) | (right < 0), _NONE, left << 31 | right)


def _numbers(pairs: Ids, table: Ids) -> Ids:
    at = np.minimum(np.searchsorted(table, pairs), len(table) - 1)
    return np.where(table[at] == pairs, at, _NONE)


def novelty(talks: Sequence[NDArray[np.int32]], lived: NDArray[np.int32], n: int) -> list[float]:
    """Return for each talk the share of its `n` tokens in a row that are nowhere in `lived`.

    Each talk has `n` tokens or more, and n is 2 or more.
    """
    rows = _Rows(np.concatenate(talks).astype(np.int64), n)
    is_lived = np.zeros(rows.count, bool)
    for start in range(0, len(lived) - n + 1, _CHUNK):
        numbers = rows.numbers(lived[start : start + _CHUNK + n - 1].astype(np.int64))
        is_lived[numbers[numbers >= 0]] = True
    return [1.0 - float(is_lived[rows.numbers(talk.astype(np.int64))].mean()) for talk in talks]
