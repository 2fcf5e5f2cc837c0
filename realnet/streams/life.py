"""What a detector of values knows of its stream: its scale, what is expected, and how rare what came is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, exact_kernel
from realnet.core.state import Float64
from realnet.streams.numbers import blank, numbers_of, take_numbers_
from realnet.streams.predictors import SHARES, TABLE, begin_table_, expect, learn_row_
from realnet.streams.rarity import RARITY, bits_of, learn_number_
from realnet.streams.scale import Scale, bin_of, place_of
from realnet.streams.tree import Tree
from realnet.streams.value_options import Expert
from realnet.streams.window import add_, clear_, fill_, in_order, mean_with, window

WARM_UP = 150  # rows
RECENT = 300  # rows that are kept to begin anew with another scale
SIGNALS = ("jump", "drift", "rare", "range")
_LEAST_BEYOND = 0.01  # of a range: it is not beyond by a hair
_SHORT, _LONG, _USUAL = 5, 60, 50  # rows of the means: of two signals, and of the values
_GAP = 10  # usual intervals; after a longer one the means begin anew
_SETTLED = 50  # rows until what is beyond all that came is told
_FARTHEST = 1000.0  # ranges beyond all that came; farther is told no more
_CHECKED = 50  # rows after which it is asked whether the scale still fits

_WINDOWS = ("short", "signed", "long", "values")  # which begin anew with another scale

_MIND = np.dtype(
    [
        ("rows", "f8"),  # that were learnt
        ("has_at", "f8"),
        ("at", "f8"),
        ("interval", "f8"),  # usual seconds from row to row
        ("has_value", "f8"),
        ("value", "f8"),
        ("low", "f8"),  # of all that were learnt
        ("high", "f8"),
        ("short", window(_SHORT)),
        ("signed", window(_SHORT)),
        ("long", window(_LONG)),
        ("values", window(_USUAL)),
        ("recent", window(RECENT)),
        ("recent_hours", window(RECENT)),
    ]
)
_SEEN = np.dtype(  # of a row before it is learnt
    [
        ("place", "f8"),
        ("expected", "f8"),  # place
        ("signals", "f8", (len(SIGNALS),)),
        ("bits", "f8", (len(SIGNALS),)),  # how rare each is
        ("is_full", "f8"),  # whether the tree must grow before another row is learnt,
        ("is_due", "f8"),  # and whether it must be asked whether the scale still fits
    ]
)
_LIFE = np.dtype(
    [
        ("scale", [("centre", "f8"), ("spread", "f8")]),
        ("mind", _MIND),
        *((name, RARITY) for name in SIGNALS),
        ("table", TABLE),
        ("share", "f8"),  # of the tree
        ("seen", _SEEN),
    ]
)


class Row(NamedTuple):
    at: float | None
    value: float
    hour: int  # of the week


class Life:
    """All that is learnt of one stream. It is kept in a bounded room, however long the stream is.

    Attributes:
        scale: where values lie.
        state: a record of what is learnt, for kernels.
    """

    def __init__(self, expert: Expert) -> None:
        self.scale, self.state, self._share = Scale(), blank(_LIFE), SHARES[expert]
        self._begin([], [])

    @property
    def tree(self) -> tuple[Any, ...] | None:
        """Return the tree for kernels, until the next `settle`; None if only the table expects."""
        return None if self._tree is None else self._tree.parts

    @property
    def remaining(self) -> int:
        """Return the rows until the scale is known."""
        return max(0, WARM_UP - int(self._mind["rows"][0]))

    @property
    def at(self) -> float | None:
        """Return when the last row was."""
        return float(self._mind["at"][0]) if self._mind["has_at"][0] else None

    @property
    def previous(self) -> float | None:
        """Return the last value."""
        return float(self._mind["value"][0]) if self._mind["has_value"][0] else None

    def pass_by(self, at: float | None, value: float | None) -> None:
        """Go on to the time of a row, and remember its value, for one that is missing."""
        pass_by_(self.state, math.nan if at is None else float(at), math.nan if value is None else float(value))

    @contextmanager
    def passing(self, at: float | None) -> Iterator[None]:
        """Go on to the time of a row, and within the block alone."""
        had = self._mind.copy()
        try:
            self.pass_by(at, None)
            yield
        finally:
            self._mind[:] = had

    def learn(self, row: Row) -> None:
        """Learn a row that was seen, or, while the scale is not known, keep it for then."""
        learn_value_(self.state, self.tree, row.value, row.hour)
        self.settle()

    def settle(self) -> None:
        """Do what is due before another row is learnt: make room, and at times ask whether the scale still fits.

        If it does not, or with the row that the first one takes, begin anew with the scale of the last rows.
        """
        seen, mind = self.state["seen"], self._mind
        self._grow()
        if not seen["is_due"][0]:
            return
        seen["is_due"] = 0
        values = in_order(mind["recent"])
        scale = Scale.of(values)
        if mind["rows"][0] == WARM_UP:
            mind["low"] = mind["high"] = values[0]
        elif self.scale.holds(scale):
            return
        self.scale = scale
        self._begin(values, in_order(mind["recent_hours"]))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of all of it, by name."""
        tree = {} if self._tree is None else self._tree.arrays()
        return {name: numbers_of(part) for name, part in self._parts().items()} | {
            f"tree {name}": each for name, each in tree.items()
        }

    def take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` returned; only for a newborn. Raises ValueError or KeyError."""
        for name, part in self._parts().items():
            take_numbers_(part, arrays[name])
        self.scale = Scale(*numbers_of(self.state["scale"]).tolist())
        if self.scale.spread <= 0:
            raise ValueError("the spread must be above 0")
        if self._tree is not None:
            self._tree.take({name.removeprefix("tree "): each for name, each in arrays.items()})

    @property
    def _mind(self) -> NDArray[Any]:
        return self.state["mind"]

    def _parts(self) -> dict[str, NDArray[Any]]:
        rarities = {f"rarity of {name}": self.state[name] for name in SIGNALS}
        return {"scale": self.state["scale"], "mind": self._mind, **rarities, "table": self.state["table"]}

    def _begin(self, values: list[float], hours: list[float]) -> None:
        """Begin anew with another scale, and live through rows."""
        state, mind = self.state, self._mind
        state["scale"]["centre"], state["scale"]["spread"] = self.scale
        for part in (*(state[name] for name in SIGNALS), *(mind[name] for name in _WINDOWS)):
            part.view(np.float64)[:] = 0
        state["range"]["least"], state["share"] = _LEAST_BEYOND, self._share
        begin_table_(state["table"], self.scale.place(values[0]) if values else 0.0)
        self._tree, done = Tree() if self._share else None, 0
        while done < len(values):
            done = relive_(state, self.tree, np.array(values), np.array(hours), done)
            self._grow()

    def _grow(self) -> None:
        if self.state["seen"]["is_full"][0] and self._tree is not None:
            self._tree.grow()
            self.state["seen"]["is_full"] = 0


@exact_inlined_kernel
def is_known(life: Any) -> bool:
    """Return whether the scale is known."""
    return bool(life.mind.rows >= WARM_UP)


@exact_kernel
def pass_by_(state: NDArray[Any], at: float, value: float) -> None:
    """Go on to the time of a row, NaN if nobody said, and remember its value, NaN if that is missing."""
    life = state[0]
    mind = life.mind
    if not np.isnan(value):
        mind.value, mind.has_value = value, 1.0
    if np.isnan(at):
        return
    passed = at - mind.at if mind.has_at else 0.0
    mind.at, mind.has_at = at, 1.0
    if is_known(life) and mind.interval and passed > _GAP * mind.interval:
        fill_(mind.short, life.jump.average)
        clear_(mind.signed)
        fill_(mind.long, life.drift.average)
        clear_(mind.values)
    if passed > 0:
        step = 1.01 if is_known(life) else 1.1
        interval = mind.interval * (step if passed > mind.interval else 1 / step)
        mind.interval = interval if interval else passed


@exact_inlined_kernel
def see_(life: Any, tree: Any, value: float, hour: int) -> None:
    """See a row, and change nothing that is learnt."""
    mind, seen = life.mind, life.seen
    seen.place = place_of(value, life.scale.centre, life.scale.spread)
    seen.expected, probability = expect(life.table, tree, life.share, hour, bin_of(seen.place))
    error = abs(seen.place - seen.expected)
    beyond, span = max(value - mind.high, mind.low - value, 0.0), mind.high - mind.low
    is_settled = life.jump.seen >= _SETTLED and span > 0
    seen.signals[0] = mean_with(mind.short, error)
    seen.signals[1] = mean_with(mind.long, error)
    seen.signals[2] = -math.log2(probability)
    seen.signals[3] = min(beyond / span, _FARTHEST) if is_settled else 0.0
    seen.bits[0] = bits_of(life.jump, seen.signals[0])
    seen.bits[1] = bits_of(life.drift, seen.signals[1])
    seen.bits[2] = bits_of(life.rare, seen.signals[2])
    seen.bits[3] = bits_of(life.range, seen.signals[3])


@exact_inlined_kernel
def learn_(life: Any, tree: Any, value: float, hour: int) -> None:
    """Learn a row that was seen, or, while the scale is not known, keep it for then. See `Life.settle`."""
    mind = life.mind
    if is_known(life):
        _live_(life, tree, value, hour)
    mind.rows += 1
    add_(mind.recent, value)
    add_(mind.recent_hours, float(hour))
    life.seen.is_due = 1.0 if is_known(life) and mind.rows % _CHECKED == 0 else 0.0


@exact_kernel
def learn_value_(state: NDArray[Any], tree: Any, value: float, hour: int) -> None:
    learn_(state[0], tree, value, hour)


@exact_kernel
def relive_(state: NDArray[Any], tree: Any, values: Float64, hours: Float64, begin: int) -> int:
    """Live through rows from number `begin` on, until the tree must grow; return the next one's number."""
    life = state[0]
    for t in range(begin, len(values)):
        see_(life, tree, values[t], int(hours[t]))
        _live_(life, tree, values[t], int(hours[t]))
        if life.seen.is_full:
            return t + 1
    return len(values)


@exact_inlined_kernel
def _live_(life: Any, tree: Any, value: float, hour: int) -> None:
    mind, seen = life.mind, life.seen
    learn_number_(life.jump, seen.signals[0])
    learn_number_(life.drift, seen.signals[1])
    learn_number_(life.rare, seen.signals[2])
    learn_number_(life.range, seen.signals[3])
    limited = life.jump.seen > WARM_UP
    is_full = learn_row_(life.table, tree, hour, bin_of(seen.place), seen.place, limited)
    seen.is_full = 1.0 if is_full else 0.0
    signed = seen.place - seen.expected
    add_(mind.short, abs(signed))
    add_(mind.signed, signed)
    add_(mind.long, abs(signed))
    add_(mind.values, value)
    mind.low, mind.high = min(mind.low, value), max(mind.high, value)
