"""What is heard of one value by itself: what spoke for its being news, and where it would have been none."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, exact_kernel
from realnet.core.state import Float64
from realnet.streams.life import SIGNALS, Life, Row, see_
from realnet.streams.rarity import number_at
from realnet.streams.scale import value_at
from realnet.streams.value_options import Direction, ValueOptions
from realnet.streams.window import mean_of, needed

# What is heard, by its place: where the value lies, what was expected, how far it must be from that and from what is
# usual to be news, the mean of the last values (NaN if there is none), and from `WHY` on the bits of each signal.
PLACE, EXPECTED, LEAST, USUAL, WHY = range(5)
HEARD = WHY + len(SIGNALS)
_WAYS: dict[Direction, float] = {"up": 1.0, "down": -1.0, "both": 0.0}


def choices(options: ValueOptions) -> tuple[float, float]:
    """Return what a person has chosen as `hear_` is told it: the least change, NaN for the usual one; and the way.

    Where there is a budget, that alone says how much is news, unless a least change was chosen.
    """
    usual = np.nan if options.budget is None else 0.0
    return usual if options.min_change is None else float(options.min_change), _WAYS[options.direction]


@exact_inlined_kernel
def hear_(life: Any, tree: Any, value: float, hour: int, least: float, way: float, heard: Float64) -> None:
    """Hear a value, and change nothing that is learnt."""
    seen = life.seen
    see_(life, tree, value, hour)
    expected, usual = value_at(seen.expected, life.scale.centre, life.scale.spread), mean_of(life.mind.values)
    if np.isnan(least):
        least = 0.05 * abs(life.scale.centre)
    moved = abs(value - expected)
    if not np.isnan(usual):
        moved = max(moved, abs(value - usual))
    signed = seen.place - seen.expected
    loudest = signed
    for each in life.mind.signed.numbers:
        if abs(each) > abs(loudest):
            loudest = each
    # One of the last that went farther the other way is still in the means.
    is_that_way = way == 0 or (signed * loudest > 0 and (signed > 0) == (way > 0))
    heard[PLACE], heard[EXPECTED], heard[LEAST], heard[USUAL] = seen.place, expected, least, usual
    for k in range(len(SIGNALS)):
        heard[WHY + k] = seen.bits[k] if moved >= least and is_that_way else 0.0


@exact_inlined_kernel
def band_of(life: Any, heard: Float64, bits: float) -> tuple[float, float]:
    """Return from where to where no signal alone finds a value so rare."""
    mind, scale = life.mind, life.scale
    error = min(needed(mind.short, number_at(life.jump, bits)), needed(mind.long, number_at(life.drift, bits)))
    error = max(0.0, error)
    farther = (mind.high - mind.low) * number_at(life.range, bits)
    low = value_at(life.seen.expected - error, scale.centre, scale.spread)
    high = value_at(life.seen.expected + error, scale.centre, scale.spread)
    first = last = heard[EXPECTED]
    if not np.isnan(heard[USUAL]):
        first, last = min(first, heard[USUAL]), max(last, heard[USUAL])
    low, high = max(low, mind.low - farther), min(high, mind.high + farther)
    return min(low, last - heard[LEAST]), max(high, first + heard[LEAST])


class Heard(NamedTuple):
    """What is heard of one value, for who has several."""

    place: float
    expected: float
    least: float
    why: dict[str, float]  # bits, of what spoke
    numbers: Float64


def hear(life: Life, row: Row, options: ValueOptions) -> Heard:
    """Hear a value, and change nothing that is learnt."""
    numbers = np.empty(HEARD)
    hear_value_(life.state, life.tree, row.value, row.hour, *choices(options), numbers)
    place, expected, least, _, *bits = numbers.tolist()
    why = {name: each for name, each in zip(SIGNALS, bits, strict=True) if each}
    return Heard(place, expected, least, why, numbers)


def band(life: Life, heard: Heard, bits: float) -> tuple[float, float]:
    """Return from where to where no signal alone finds the value so rare that was heard last."""
    low, high = band_of_value(life.state, heard.numbers, bits)
    return low, high


@exact_kernel
def hear_value_(
    state: NDArray[Any], tree: Any, value: float, hour: int, least: float, way: float, heard: Float64
) -> None:
    hear_(state[0], tree, value, hour, least, way, heard)


@exact_kernel
def band_of_value(state: NDArray[Any], heard: Float64, bits: float) -> tuple[float, float]:
    low, high = band_of(state[0], heard, bits)
    return low, high


def sides(low: float, high: float, direction: Direction) -> tuple[float | None, float | None]:
    """Return a band without the side on which nothing is news."""
    return None if direction == "up" else low, None if direction == "down" else high
