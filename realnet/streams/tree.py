"""What value is expected next, by dendrites: contexts of slow means and hours, a tree of decisions over the bins.

Kernels are handed its `parts`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, fused
from realnet.core.dendrite_memory import GIVEN, NODE, SURE
from realnet.core.dendrite_tables import gain_rates
from realnet.core.state import Float64
from realnet.dendrites.context_tree import ContextTree, ask_, check_arrays, learn_
from realnet.streams.scale import BINS, WIDTH

_CONTEXTS = 8
_GATES = ((NODE, 0), (SURE, 0), (GIVEN, 0))
_GAIN = 0.5
_MOST_LINES = 2**14
_FAST, _SLOW = 1 / 50, 1 / 200  # of what the means learn of each row
_DEPTH = (BINS - 1).bit_length()
_PLACES = (np.arange(BINS) + 0.5 - BINS / 2) * WIDTH


class Tree:
    """The core of dendrites over the bins of a value."""

    def __init__(self) -> None:
        self._bins = ContextTree(_CONTEXTS, _DEPTH, _GATES, gain_rates(0.005, 0.003, 0.0003), _GAIN, _MOST_LINES)
        self._means = np.zeros(2)  # of places, a fast and a slow one
        self._said = np.zeros(BINS)

    @property
    def parts(self) -> tuple[Any, ...]:
        """Return all that kernels need, until it grows."""
        return self._means, self._said, *self._bins.parts

    def grow(self) -> None:
        """Make room."""
        self._bins.grow()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of all that is learnt, by name."""
        return self._bins.arrays() | {"means": self._means.copy()}

    def take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` returned; only for a newborn. Raises ValueError or KeyError."""
        check_arrays({"means": self._means}, arrays)
        self._bins.take(arrays)
        self._means[:] = arrays["means"]


@exact_inlined_kernel
def say_(tree: Any, hour: int) -> Float64:
    """Return how probable each bin is, at an hour of the week; it is written over by the next call."""
    means, probabilities, parts = tree[0], tree[1], tree[2:]
    keys, given = parts[0], parts[1]
    fast, slow = math.floor(means[0] / 0.5) + 256, math.floor(means[1] / 0.5) + 256
    day, hour = hour // 24, hour % 24
    weekend = 1 if day >= 5 else 0
    _note_(keys, 0, 0, 0)
    _note_(keys, 1, fast, 0)
    _note_(keys, 2, slow, 0)
    _note_(keys, 3, hour // 2, 0)
    _note_(keys, 4, hour // 3, weekend)
    _note_(keys, 5, hour, weekend)
    _note_(keys, 6, hour // 2, fast)
    _note_(keys, 7, hour // 3, day)
    given[0] = hour
    said = ask_(BINS, _DEPTH, parts)
    for which in range(BINS):
        probabilities[which] = said[which] * 0.9999 + 0.0001 / BINS
    return probabilities  # type: ignore[no-any-return]


@exact_inlined_kernel
def expected_by_tree(said: Float64) -> float:
    """Return the place that it expects: the sum of probabilities times places, in the order of 32 lanes of AVX-512.

    So OpenBLAS adds there, as the dot product that this once was; now it is the same bits everywhere.
    """
    lanes = np.empty(16)
    for k in range(16):
        a = k // 4 * 8 + k % 4
        lanes[k] = fused(said[32 + k], _PLACES[32 + k], said[a] * _PLACES[a] + said[a + 4] * _PLACES[a + 4])
    for k in range(4):
        lanes[k] = lanes[k] + lanes[k + 4] + lanes[k + 8] + lanes[k + 12]
    return float((lanes[0] + lanes[2]) + (lanes[1] + lanes[3]))


@exact_inlined_kernel
def learn_by_tree_(tree: Any, which: int, place: float) -> bool:
    """Learn the bin and the place that came at the hour for which it was asked last; return whether it must grow."""
    means = tree[0]
    is_full = learn_(which, BINS, _DEPTH, _MOST_LINES, tree[2:])
    means[0] += _FAST * (place - means[0])
    means[1] += _SLOW * (place - means[1])
    return bool(is_full)


@exact_inlined_kernel
def _note_(keys: NDArray[np.uint64], number: int, a: int, b: int) -> None:
    """Write a context, a number of its own, not yet hashed."""
    keys[number] = np.uint64((number + 1) << 32 | a << 16 | b)
