"""How often values have come, and pairs of them together, in a bounded room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, exact_kernel

_MOST_VALUES = 2**16
_CELLS = 2**20  # of pairs
_FULL = _CELLS // 8  # cells in use: a pair is taken for another one in an eighth of cases, and so for known


class Pair(NamedTuple):
    """Two values of an event, by their places in it, that came, but never together."""

    one: int
    other: int
    times: float  # how often they would have come together if they had nothing to do with each other


class Came:
    """Counts of values, by tokens of 32 bits, and of pairs of them. Where one is full, all are halved.

    So what came once is forgotten.
    """

    def __init__(self) -> None:
        self._events = 0.0
        self._values: dict[int, int] = {}
        self._pairs, self._used = np.zeros(_CELLS, np.uint32), np.zeros(1, np.int64)

    def times(self, tokens: Sequence[int]) -> list[int]:
        """Return how often each value came."""
        return [self._values.get(token, 0) for token in tokens]

    def new_pair(self, tokens: Sequence[int]) -> Pair | None:
        """Return of all pairs of values that came, but not together, the one that should have most often.

        None where none should have come once.
        """
        counted = np.array([max(0, times - 1) for times in self.times(tokens)], np.float64)  # with other values
        one, other, times = new_pair(np.array(tokens, np.uint64), counted, self._pairs)
        return Pair(one, other, times / self._events) if times > self._events else None

    def learn(self, tokens: Sequence[int]) -> None:
        """Count an event in."""
        self._events += 1
        self.count(tokens)

    def count(self, tokens: Sequence[int]) -> None:
        """Count values in, and the pairs of those that came before: most of what came once comes no more."""
        count_(np.array([token for token in tokens if token in self._values], np.uint64), self._pairs, self._used)
        for token in tokens:
            self._values[token] = self._values.get(token, 0) + 1
        if len(self._values) > _MOST_VALUES or self._used[0] > _FULL:
            self._events /= 2
            self._values = {token: times // 2 for token, times in self._values.items() if times > 1}
            self._pairs //= 2
            self._used[0] = np.count_nonzero(self._pairs)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of everything, by name."""
        at = np.flatnonzero(self._pairs)
        return {
            "events": np.array([self._events]),
            "values": np.array(list(self._values.items()), np.int64).reshape(-1, 2),
            "pairs": np.stack([at, self._pairs[at].astype(np.int64)], axis=1),
        }

    def take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` returned; only for a newborn. Raises ValueError or KeyError."""
        events, values, pairs = arrays["events"], arrays["values"], arrays["pairs"]
        for each, most in ((values, 2**32), (pairs, _CELLS)):
            if each.dtype != np.int64 or each.ndim != 2 or each.shape[1] != 2 or len(each) > _MOST_VALUES + _FULL:
                raise ValueError("the counts are none")
            if each.size and not (each.min() >= 0 and each[:, 0].max() < most and each[:, 1].max() < 2**32):
                raise ValueError("the counts are out of range")
        if events.dtype != np.float64 or events.shape != (1,) or not 0 <= events[0] < np.inf:
            raise ValueError("the number of events is none")
        self._events, self._values = float(events[0]), dict(values.tolist())
        self._pairs[pairs[:, 0]] = pairs[:, 1]
        self._used[0] = np.count_nonzero(self._pairs)


@exact_inlined_kernel
def _cell(one: np.uint64, other: np.uint64) -> np.int64:
    """Return the cell of a pair."""
    mixed = one * np.uint64(0x9E3779B97F4A7C15) + other * np.uint64(0xC2B2AE3D27D4EB4F)
    return np.int64(mixed >> np.uint64(44))  # 20 bits


@exact_kernel
def new_pair(
    tokens: NDArray[np.uint64], times: NDArray[np.float64], pairs: NDArray[np.uint32]
) -> tuple[int, int, float]:
    """Return two places in `tokens`, and how often the one came, times how often the other did; 0 for none."""
    first, second, most = 0, 0, 0.0
    for i in range(len(tokens)):
        for j in range(i + 1, len(tokens)):
            both = times[i] * times[j]
            if both > most and pairs[_cell(tokens[i], tokens[j])] == 0:
                first, second, most = i, j, both
    return first, second, most


@exact_kernel
def count_(tokens: NDArray[np.uint64], pairs: NDArray[np.uint32], used: NDArray[np.int64]) -> None:
    """Count all pairs in."""
    for i in range(len(tokens)):
        for j in range(i + 1, len(tokens)):
            cell = _cell(tokens[i], tokens[j])
            used[0] += pairs[cell] == 0
            pairs[cell] += np.uint32(1)
