"""A detector of values: what is expected of the next, and how rare it is that it came out otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from realnet.checkpoint import FORMAT, VALUES, Checkpoint
from realnet.core._numba import exact_kernel
from realnet.core.state import Float64
from realnet.streams.events import (
    OPEN,
    WORSE,
    Events,
    Ranges,
    change_asked,
    event_of,
    first_asked,
    is_normal,
    keep_budget_,
    note_,
    see_,
)
from realnet.streams.hearing import EXPECTED, HEARD, WHY, band_of, choices, hear_, sides
from realnet.streams.life import SIGNALS, Life, is_known, learn_, pass_by_
from realnet.streams.numbers import numbers_of, take_numbers_
from realnet.streams.told import Learn, Told, learn_each
from realnet.streams.value_checks import check_time, taken
from realnet.streams.value_options import Expert, ValueOptions
from realnet.streams.zone import hour_of, zone_of

BYTES: dict[Expert, int] = {"table": 100_000, "mixed": 1_100_000, "tree": 1_100_000}  # of a value; measured


# What a kernel says of a row: what is heard of the value, and then these.
_STAGE, _SCORE, _BITS, _LOW, _HIGH, _EVENT, _NUMBER, _SAID = range(HEARD, HEARD + 8)
_WAITS, _READY, _HEARD = 0.0, 1.0, 2.0  # stages: nothing is said yet, or of a row that is skipped, or all is
_bits = itemgetter(0)


class Value(NamedTuple):
    """A row: when it was, in seconds since 1970, or None in a stream without times; and the value."""

    at: float | None
    value: float


class MetricDetector:
    """A `Detector` of one row of values. See `ValueOptions`, which may be changed at any time.

    Attributes:
        rows: how many it has seen.
    """

    def __init__(self, options: ValueOptions | None = None) -> None:
        self.rows = 0
        self._options = options or ValueOptions()
        self._life = Life(self._options.expert)
        self._events, self._ranges = Events(first_asked(self._options)), Ranges()

    @property
    def remaining(self) -> int:
        """Return the rows until it says anything; 0 once it is ready."""
        return self._life.remaining

    @property
    def options(self) -> ValueOptions:
        return self._options

    @options.setter
    def options(self, options: ValueOptions) -> None:
        change_asked(self._events, self._options, options)
        self._options = options

    @property
    def asked(self) -> float:
        """Return how rare a row must be to be news, in bits."""
        return self._events.asked

    @property
    def nbytes(self) -> int:
        """Return about how many bytes of memory it takes."""
        return BYTES[self._options.expert]

    def run(self, rows: Sequence[Value], learn: Learn = True) -> list[Told]:
        """Tell of each row, and learn it unless it is not to be learnt.

        Raises ValueError that names the row by its place in `rows`, from 0, with nothing changed.
        """
        learnt = learn_each(learn, len(rows))
        checked = self._checked(rows)
        given = [(at, value, hour, is_learnt) for (at, value, hour), is_learnt in zip(checked, learnt, strict=True)]
        columns = np.array(given, np.float64).reshape(-1, 4)  # None is NaN
        said, done, options = np.empty((len(rows), _SAID)), 0, self._options
        budget = math.nan if options.budget is None else float(options.budget)
        while done < len(rows):
            life, kept = self._life, (self._events.state, self._ranges.state)
            done = tell_(life.state, life.tree, *kept, *choices(options), budget, columns, done, said)
            life.settle()
        return [self._told(at, each) for (at, _), each in zip(rows, said.tolist(), strict=True)]

    def _checked(self, rows: Sequence[Value]) -> list[tuple[float | None, float, int]]:
        """Return of each row its time, the value that is lived through, NaN if it is to be skipped, and the hour."""
        zone, missing = zone_of(self._options.zone), self._options.missing
        previous, last, is_first = self._life.previous, self._life.at, self.rows == 0
        checked: list[tuple[float | None, float, int]] = []
        for number, (at, value) in enumerate(rows):
            check_time(number, at, last, is_first)
            last, is_first = at, False
            one = taken(number, value, missing, previous)
            previous = previous if one is None else one
            checked.append((at, math.nan if one is None else one, 0 if at is None else hour_of(at, zone)))
        return checked

    def _told(self, at: float | None, said: list[float]) -> Told:
        """Return what is told of the next row, of which the kernel said so much."""
        self.rows += 1
        if said[_STAGE] < _HEARD:
            return Told(self.rows, at, said[_STAGE] == _READY, 0.0, 0.0, {})
        why = [(bits, name) for name, bits in zip(SIGNALS, said[WHY:HEARD], strict=True) if bits]
        why.sort(key=_bits, reverse=True)
        low, high = sides(said[_LOW], said[_HIGH], self._options.direction)
        event = event_of(int(said[_NUMBER]), int(said[_EVENT])) if said[_EVENT] else None
        loudest_first = {name: bits for bits, name in why}
        return Told(
            *(self.rows, at, True, said[_SCORE], said[_BITS], loudest_first, said[EXPECTED], low, high, event),
        )

    def feedback(self, event: int, verdict: Literal["normal", "anomaly"]) -> None:
        """Take a person's word on an event: the values of a `normal` one are no news from now on.

        Of an `anomaly` they are news again, if they were said to be normal. Raises ValueError, with nothing changed,
        for an event that never was, or is longer ago than the last 64.
        """
        if verdict not in ("normal", "anomaly"):
            raise ValueError(f"verdict is {verdict!r}, must be normal or anomaly")
        self._events.judge(event, verdict == "normal")
        self._ranges.judge(event, verdict == "normal", self._life.scale.spread / 4)

    def checkpoint(self) -> Checkpoint:
        """Return a copy of everything."""
        config = {"tick": self.rows, "learning_rate": 1.0, "options": self._options.to_json()}
        parts = {
            "events": numbers_of(self._events.state),
            "ranges": numbers_of(self._ranges.state),
            **self._life.arrays(),
        }
        return Checkpoint({"format": FORMAT, "kind": VALUES, **config}, parts)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Self:
        """Return the detector that made it, which goes on exactly. Raises ValueError for any other."""
        config: dict[str, Any] = checkpoint.config
        try:
            if config["kind"] != VALUES:
                raise ValueError(f"it is of kind {config['kind']!r}")
            detector = cls(ValueOptions(**config["options"]))
            detector.rows = checkpoint.tick
            take_numbers_(detector._events.state, checkpoint.arrays["events"])
            take_numbers_(detector._ranges.state, checkpoint.arrays["ranges"])
            detector._life.take(checkpoint.arrays)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"not the checkpoint of a detector of values: {error}") from error
        return detector


@exact_kernel
def tell_(
    state: NDArray[Any],
    tree: Any,
    events: NDArray[Any],
    ranges: NDArray[Any],
    least: float,
    way: float,
    budget: float,
    rows: Float64,
    begin: int,
    said: Float64,
) -> int:
    """Tell of rows from number `begin` on, and learn them, until something is due; return the next one's number."""
    life = state[0]
    for t in range(begin, len(rows)):
        at, value, hour, is_learnt = rows[t, 0], rows[t, 1], int(rows[t, 2]), rows[t, 3] > 0
        heard, asked = said[t], events[0].asked
        pass_by_(state, at, value)
        heard[_STAGE] = _READY if is_known(life) else _WAITS
        if np.isnan(value):
            continue
        if is_known(life):
            hear_(life, tree, value, hour, least, way, heard)
            if is_normal(ranges, value):
                heard[WHY:HEARD] = 0
            total = 0.0
            for each in heard[WHY:HEARD]:
                total += each * each
            bits = math.sqrt(total)
            event = see_(events, bits)
            if events[0].is_open:
                note_(ranges, int(events[0].number), event == OPEN, value if bits >= asked else np.nan)
            heard[_STAGE], heard[_SCORE], heard[_BITS] = _HEARD, bits / (bits + asked), bits
            heard[_LOW], heard[_HIGH] = band_of(life, heard, asked)
            heard[_EVENT], heard[_NUMBER] = event, events[0].number
            if is_learnt and not np.isnan(budget):
                keep_budget_(events, budget, OPEN <= event <= WORSE)
        if is_learnt:
            learn_(life, tree, value, hour)
            if life.seen.is_full or life.seen.is_due:
                return t + 1
    return len(rows)
