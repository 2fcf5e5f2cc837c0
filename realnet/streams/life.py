"""What a detector of values knows of its stream: its scale, what is expected, and how rare what came is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from numpy.typing import NDArray

from realnet.streams.numbers import numbers_of, take_numbers_
from realnet.streams.predictors import Predictor
from realnet.streams.rarity import Rarity
from realnet.streams.scale import Scale, bin_of
from realnet.streams.value_options import Expert
from realnet.streams.window import Window

WARM_UP = 150  # rows
RECENT = 300  # rows that are kept to begin anew with another scale
SIGNALS = ("jump", "drift", "rare", "range")
_LEAST = (0.0, 0.0, 0.0, 0.01)  # of each: a range is not beyond by a hair
_SHORT, _LONG, _USUAL = 5, 60, 50  # rows of the means: of two signals, and of the values
_GAP = 10  # usual intervals; after a longer one the means begin anew
_SETTLED = 50  # rows until what is beyond all that came is told
_FARTHEST = 1000.0  # ranges beyond all that came; farther is told no more
_CHECKED = 50  # rows after which it is asked whether the scale still fits


class Row(NamedTuple):
    at: float | None
    value: float
    hour: int  # of the week


class Seen(NamedTuple):
    """What is seen of a row before it is learnt."""

    place: float
    expected: float  # place
    way: Literal["up", "down"] | None  # of this row, None if one of the last went farther the other way
    signals: tuple[float, float, float, float]  # as in `SIGNALS`
    bits: dict[str, float]  # how rare each is, of those that are


@dataclass(slots=True)
class _Mind:
    """What is in mind of the rows that came."""

    rows: float = 0.0  # that were learnt
    has_at: float = 0.0
    at: float = 0.0
    interval: float = 0.0  # usual seconds from row to row
    has_value: float = 0.0
    value: float = 0.0
    low: float = 0.0  # of all that were learnt
    high: float = 0.0
    short: Window = field(default_factory=lambda: Window.of(_SHORT))
    signed: Window = field(default_factory=lambda: Window.of(_SHORT))
    long: Window = field(default_factory=lambda: Window.of(_LONG))
    values: Window = field(default_factory=lambda: Window.of(_USUAL))
    recent: Window = field(default_factory=lambda: Window.of(RECENT))
    recent_hours: Window = field(default_factory=lambda: Window.of(RECENT))


class Life:
    """All that is learnt of one stream. It is kept in a bounded room, however long the stream is."""

    def __init__(self, expert: Expert) -> None:
        self.scale, self._mind, self._expert, self._predictor = Scale(), _Mind(), expert, Predictor(expert)
        self._rarities = [Rarity(least) for least in _LEAST]

    @property
    def remaining(self) -> int:
        """Return the rows until the scale is known."""
        return max(0, WARM_UP - int(self._mind.rows))

    @property
    def at(self) -> float | None:
        """Return when the last row was."""
        return self._mind.at if self._mind.has_at else None

    @property
    def previous(self) -> float | None:
        """Return the last value."""
        return self._mind.value if self._mind.has_value else None

    @property
    def usual(self) -> float | None:
        """Return the mean of the last values; None right after a gap."""
        return self._mind.values.mean if self._mind.values.count else None

    def pass_by(self, at: float | None) -> None:
        """Go on to the time of a row."""
        mind = self._mind
        if at is None:
            return
        passed = at - mind.at if mind.has_at else 0.0
        mind.at, mind.has_at = at, 1.0
        if self.remaining == 0 and mind.interval and passed > _GAP * mind.interval:
            mind.short.fill(self._rarities[0].mean)
            mind.signed.clear()
            mind.long.fill(self._rarities[1].mean)
            mind.values.clear()
        if passed > 0:
            step = 1.1 if self.remaining else 1.01
            mind.interval = mind.interval * (step if passed > mind.interval else 1 / step) or passed

    @contextmanager
    def passing(self, at: float | None) -> Iterator[None]:
        """Go on to the time of a row, and within the block alone."""
        had = self._mind
        windows = {name: replace(getattr(had, name)) for name in ("short", "signed", "long", "values")}
        self._mind = replace(had, **windows)
        try:
            self.pass_by(at)
            yield
        finally:
            self._mind = had

    def note(self, value: float) -> None:
        """Remember the last value, for one that is missing."""
        self._mind.value, self._mind.has_value = value, 1.0

    def wait(self, row: Row) -> None:
        """Keep a row for when the scale is known; with the last that it takes, live through all of them."""
        self._keep(row)
        if self.remaining == 0:
            self._mind.low = self._mind.high = self._mind.recent.in_order[0]
            self._begin()

    def see(self, row: Row) -> Seen:
        """See a row, and change nothing."""
        mind, place = self._mind, self.scale.place(row.value)
        expected, probability = self._predictor.expect(row.hour, bin_of(place))
        signed = place - expected
        error, loudest = abs(signed), max([signed, *mind.signed.numbers], key=abs)
        beyond, span = max(row.value - mind.high, mind.low - row.value, 0.0), mind.high - mind.low
        is_settled = self._rarities[0].seen >= _SETTLED and span > 0
        signals = (
            mind.short.mean_with(error),
            mind.long.mean_with(error),
            -math.log2(probability),
            min(beyond / span, _FARTHEST) if is_settled else 0.0,
        )
        bits = [rarity.bits(signal) for rarity, signal in zip(self._rarities, signals, strict=True)]
        heard = {name: each for name, each in zip(SIGNALS, bits, strict=True) if each}
        way: Literal["up", "down"] = "up" if signed > 0 else "down"
        return Seen(place, expected, way if signed * loudest > 0 else None, signals, heard)

    def learn(self, row: Row, seen: Seen) -> None:
        """Learn a row that was seen; at times ask whether the scale still fits, and if not, begin anew with another."""
        self._live(row, seen)
        self._keep(row)
        if self._mind.rows % _CHECKED == 0 and not self.scale.holds(Scale.of(self._mind.recent.in_order)):
            self._begin()

    def expected(self, seen: Seen) -> float:
        """Return the value that was expected."""
        return self.scale.value(seen.expected)

    def band(self, seen: Seen, bits: float) -> tuple[float, float]:
        """Return from where to where no signal alone finds a value so rare by its distance."""
        mind, (jump, drift, _, beyond) = self._mind, self._rarities
        error = max(0.0, min(mind.short.needed(jump.number(bits)), mind.long.needed(drift.number(bits))))
        farther = (mind.high - mind.low) * beyond.number(bits)
        low, high = self.scale.value(seen.expected - error), self.scale.value(seen.expected + error)
        return max(low, mind.low - farther), min(high, mind.high + farther)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of all of it, by name."""
        return {name: numbers_of(part) for name, part in self._parts().items()} | self._predictor.arrays()

    def take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` returned; only for a newborn. Raises ValueError or KeyError."""
        for name, part in self._parts().items():
            take_numbers_(part, arrays[name])
        if self.scale.spread <= 0:
            raise ValueError("the spread must be above 0")
        self._predictor.take(arrays)

    def _parts(self) -> dict[str, Any]:
        rarities = {f"rarity of {name}": each for name, each in zip(SIGNALS, self._rarities, strict=True)}
        return {"scale": self.scale, "mind": self._mind, **rarities}

    def _keep(self, row: Row) -> None:
        self._mind.rows += 1
        self._mind.recent.add(row.value)
        self._mind.recent_hours.add(float(row.hour))

    def _begin(self) -> None:
        """Begin anew with the scale of the last rows, and live through them."""
        mind = self._mind
        values, hours = mind.recent.in_order, mind.recent_hours.in_order
        self.scale = Scale.of(values)
        self._predictor = Predictor(self._expert, self.scale.place(values[0]))
        self._rarities = [Rarity(least) for least in _LEAST]
        for window in (mind.short, mind.signed, mind.long, mind.values):
            window.clear()
        for value, hour in zip(values, hours, strict=True):
            row = Row(None, value, int(hour))
            self._live(row, self.see(row))

    def _live(self, row: Row, seen: Seen) -> None:
        mind, signed = self._mind, seen.place - seen.expected
        for rarity, signal in zip(self._rarities, seen.signals, strict=True):
            rarity.learn(signal)
        self._predictor.learn(row.hour, bin_of(seen.place), seen.place, self._rarities[0].seen > WARM_UP)
        mind.short.add(abs(signed))
        mind.signed.add(signed)
        mind.long.add(abs(signed))
        mind.values.add(row.value)
        mind.low, mind.high = min(mind.low, row.value), max(mind.high, row.value)
