"""Where a value lies in its stream: its distance from the middle, in usual spreads, the far ones drawn closer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from realnet.core._numba import exact_inlined_kernel

BINS, WIDTH = 48, 0.25
_FAR = 60.0  # beyond it nothing is told apart; sinh of it is still finite


def _place(value: float, centre: float, spread: float) -> float:
    return max(-_FAR, min(_FAR, math.asinh((value - centre) / spread)))


def _value(place: float, centre: float, spread: float) -> float:
    return centre + spread * math.sinh(max(-_FAR, min(_FAR, place)))


place_of, value_at = exact_inlined_kernel(_place), exact_inlined_kernel(_value)


class Scale(NamedTuple):
    """The middle of a stream and its usual spread.

    A place is asinh((value - centre) / spread): even near the centre, logarithmic far from it.
    """

    centre: float = 0.0
    spread: float = 1.0

    @classmethod
    def of(cls, values: Sequence[float]) -> Scale:
        """Return the scale of these values: no outlier moves it far, and no constant makes it nothing."""
        low, q10, q50, q90, high = np.quantile(values, (0, 0.1, 0.5, 0.9, 1)).tolist()
        return cls(q50, max((q90 - q10) / 2, 0.05 * (high - low), 0.001 * abs(q50), 1e-9))

    def place(self, value: float) -> float:
        """Return where a value lies."""
        return _place(value, *self)

    def value(self, place: float) -> float:
        """Return the value that lies there."""
        return _value(place, *self)

    def holds(self, other: Scale) -> bool:
        """Return whether values of another scale can still be told apart by this one."""
        return other.spread < 30 * self.spread and abs(other.centre - self.centre) < 50 * self.spread


@exact_inlined_kernel
def bin_of(place: float) -> int:
    """Return the bin of a place, 0 to `BINS` - 1; the outermost hold all that is beyond."""
    return max(0, min(BINS - 1, math.floor(place / WIDTH) + BINS // 2))
