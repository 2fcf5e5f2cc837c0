"""What value is expected next, by dendrites: contexts of slow means and hours, a tree of decisions over the bins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import GIVEN, NODE, SURE
from realnet.core.dendrite_tables import gain_rates
from realnet.core.state import Float64
from realnet.dendrites.context_tree import ContextTree, check_arrays
from realnet.streams.scale import BINS

_CONTEXTS = 8
_GATES = ((NODE, 0), (SURE, 0), (GIVEN, 0))
_GAIN = 0.5
_MOST_LINES = 2**14
_FAST, _SLOW = 1 / 50, 1 / 200  # of what the means learn of each row


class Tree:
    """The core of dendrites over the bins of a value."""

    def __init__(self) -> None:
        rates = gain_rates(0.005, 0.003, 0.0003)
        self._bins = ContextTree(_CONTEXTS, (BINS - 1).bit_length(), _GATES, rates, _GAIN, _MOST_LINES)
        self._means = [0.0, 0.0]  # of places, a fast and a slow one

    def probabilities(self, hour: int) -> Float64:
        """Return how probable each bin is, at an hour of the week."""
        return self._bins.probabilities(self._keys(hour), (hour % 24,), BINS) * 0.9999 + 0.0001 / BINS

    def learn(self, which: int, place: float) -> None:
        """Learn the bin and the place that came at the hour for which `probabilities` was asked last."""
        self._bins.learn(which, BINS)
        self._means[0] += _FAST * (place - self._means[0])
        self._means[1] += _SLOW * (place - self._means[1])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of all that is learnt, by name."""
        return self._bins.arrays() | {"means": np.array(self._means)}

    def take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` returned; only for a newborn. Raises ValueError or KeyError."""
        check_arrays({"means": np.array(self._means)}, arrays)
        self._bins.take(arrays)
        self._means = arrays["means"].tolist()

    def _keys(self, hour: int) -> NDArray[np.uint64]:
        """Return the contexts, each a number of its own, not yet hashed."""
        fast, slow = (math.floor(mean / 0.5) + 256 for mean in self._means)
        day, hour = divmod(hour, 24)
        weekend = int(day >= 5)
        pairs = (
            *((0, 0), (fast, 0), (slow, 0), (hour // 2, 0), (hour // 3, weekend)),
            *((hour, weekend), (hour // 2, fast), (hour // 3, day)),
        )
        return np.array([(k + 1) << 32 | a << 16 | b for k, (a, b) in enumerate(pairs)], np.uint64)
