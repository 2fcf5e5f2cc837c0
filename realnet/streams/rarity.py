"""How rare a number is among all that came before it in its stream, in bits.

The running 98% quantile, and above it an exponential tail. Both adapt: what comes often is soon not rare.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from realnet.core._numba import exact_inlined_kernel

FIRST = 100  # numbers before anything is said
MOST = 40.0  # bits
_SHARE = 0.02  # of the numbers are in the tail
_TAIL = -math.log2(_SHARE)
_LN2 = math.log(2)
_IN_TAIL = 3  # of the first

RARITY = np.dtype(
    [
        ("least", "f8"),  # what is less beyond the quantile than this is not told apart
        ("seen", "f8"),
        ("threshold", "f8"),
        ("above", "f8"),  # how many were above it
        ("excess", "f8"),  # how far they were above it, in the mean
        ("average", "f8"),  # of all numbers
        ("first", "f8", (FIRST,)),
    ]
)


@exact_inlined_kernel
def bits_of(rarity: Any, number: float) -> float:
    """Return how rare a number is: 0 below the quantile, at most `MOST`."""
    if rarity.seen < FIRST or number <= rarity.threshold:
        return 0.0
    return float(min(MOST, _TAIL + (number - rarity.threshold) / _unit(rarity) / _LN2))


@exact_inlined_kernel
def number_at(rarity: Any, bits: float) -> float:
    """Return the number from which on it is so rare."""
    return float(rarity.threshold + max(0.0, min(bits, MOST) - _TAIL) * _unit(rarity) * _LN2)


@exact_inlined_kernel
def learn_number_(rarity: Any, number: float) -> None:
    """Count a number in."""
    seen = int(rarity.seen)
    rarity.seen += 1
    if seen < FIRST:
        rarity.first[seen] = number
        if seen == FIRST - 1:
            _begin_(rarity)
        return
    beyond = number > rarity.threshold
    if beyond:
        rarity.above += 1
        # One outlier is not to hide the next.
        counted = min(number - rarity.threshold, 5 * rarity.excess + rarity.average)
        rarity.excess += max(1 / rarity.above, 0.01) * (counted - rarity.excess)
    step = 5 * max(2 / (seen + 1), 0.001) * _unit(rarity)
    rarity.threshold += step * ((1.0 if beyond else 0.0) - _SHARE)
    rarity.average += max(1 / (seen + 1), 1e-4) * (number - rarity.average)


@exact_inlined_kernel
def _unit(rarity: Any) -> float:
    return float(max(rarity.least, rarity.excess + 0.1 * rarity.average))


@exact_inlined_kernel
def _begin_(rarity: Any) -> None:
    largest = np.zeros(_IN_TAIL)  # in falling order
    for number in rarity.first:
        for k in range(_IN_TAIL):
            if number > largest[k]:
                number, largest[k] = largest[k], number
    rarity.threshold = largest[_IN_TAIL - 1]
    above, excess, total = 0, 0.0, 0.0
    for number in rarity.first:
        total += number
        if number > rarity.threshold:
            above += 1
            excess += number - rarity.threshold
    rarity.above = above
    rarity.excess = (excess + 1e-12) / max(above, 1)
    rarity.average = total / FIRST + 1e-9
