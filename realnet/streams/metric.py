"""A detector of values: what is expected of the next, and how rare it is that it came out otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Self

from realnet.checkpoint import FORMAT, VALUES, Checkpoint
from realnet.streams.events import Events
from realnet.streams.life import Life, Row, Seen
from realnet.streams.numbers import numbers_of, take_numbers_
from realnet.streams.told import Learn, Told, learn_each
from realnet.streams.value_options import BITS, ValueOptions
from realnet.streams.zone import hour_of, is_time, zone_of

_LARGEST = 1e300
_TABLE_BYTES, _TREE_BYTES = 100_000, 1_100_000  # measured


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
        self._events = Events(BITS[self._options.sensitivity])

    @property
    def remaining(self) -> int:
        """Return the rows until it says anything; 0 once it is ready."""
        return self._life.remaining

    @property
    def options(self) -> ValueOptions:
        return self._options

    @options.setter
    def options(self, options: ValueOptions) -> None:
        if options.expert != self._options.expert:
            raise ValueError(f"expert is {options.expert!r}, and stays {self._options.expert!r}: its life is learnt")
        if (options.sensitivity, options.budget) != (self._options.sensitivity, self._options.budget):
            self._events.asked = BITS[options.sensitivity]
        self._options = options

    @property
    def asked(self) -> float:
        """Return how rare a row must be to be news, in bits."""
        return self._events.asked

    @property
    def nbytes(self) -> int:
        """Return about how many bytes of memory it takes."""
        return _TABLE_BYTES if self._options.expert == "table" else _TREE_BYTES

    def run(self, rows: Sequence[Value], learn: Learn = True) -> list[Told]:
        """Tell of each row, and learn it unless it is not to be learnt.

        Raises ValueError that names the row by its place in `rows`, from 0, with nothing changed.
        """
        learnt = learn_each(learn, len(rows))
        return [self._tell(at, row, each) for (at, row), each in zip(self._checked(rows), learnt, strict=True)]

    def check(self, row: Value) -> None:
        """Raise ValueError if a row cannot come next."""
        self._checked([row])

    def look(self, row: Value) -> Told:
        """Tell of a row what `run` would if it came next, but for its event, and change nothing. Raises ValueError."""
        ((at, lived),) = self._checked([row])
        life, number = self._life, self.rows + 1
        if lived is None or life.remaining:
            return Told(number, at, life.remaining == 0, 0.0, 0.0, {})
        with life.passing(at):
            return self._say(number, lived, life.see(lived))

    def _checked(self, rows: Sequence[Value]) -> list[tuple[float | None, Row | None]]:
        """Return of each row its time and what is lived through, None if it is to be skipped."""
        zone, missing = zone_of(self._options.zone), self._options.missing
        previous, last, known = self._life.previous, self._life.at, self.rows > 0
        checked: list[tuple[float | None, Row | None]] = []
        for place, (at, value) in enumerate(rows):
            if known and (at is None) != (last is None):
                raise ValueError(f"rows[{place}]: {'no time' if at is None else 'a time'}, unlike those before it")
            if at is not None and not is_time(at):
                raise ValueError(f"rows[{place}]: the time is {at!r}, must be in seconds since 1970")
            if at is not None and last is not None and at < last:
                raise ValueError(f"rows[{place}]: the time goes back, from {last!r} to {at!r}")
            last, known = at, True
            if not math.isfinite(value):
                if missing == "refuse":
                    raise ValueError(f"rows[{place}]: the value is {value!r}; what to do with it `missing` says")
                if missing == "skip" or (missing == "previous" and previous is None):
                    checked.append((at, None))
                    continue
                value = 0.0 if previous is None or missing == "zero" else previous
            elif abs(value) > _LARGEST:
                raise ValueError(f"rows[{place}]: the value is {value!r}, beyond {_LARGEST:g}")
            previous = float(value)
            checked.append((at, Row(at, previous, 0 if at is None else hour_of(at, zone))))
        return checked

    def _tell(self, at: float | None, row: Row | None, learn: bool) -> Told:
        self.rows += 1
        life, events = self._life, self._events
        life.pass_by(at)
        if row is None:
            return Told(self.rows, at, life.remaining == 0, 0.0, 0.0, {})
        life.note(row.value)
        if life.remaining:
            if learn:
                life.wait(row)
            return Told(self.rows, at, False, 0.0, 0.0, {})
        seen = life.see(row)
        told = self._say(self.rows, row, seen)
        event = events.see(told.bits, row.value)
        if learn:
            life.learn(row, seen)
            if self._options.budget is not None:
                events.keep_budget(self._options.budget, event is not None and event.state != "closed")
        return told._replace(event=event)

    def _say(self, number: int, row: Row, seen: Seen) -> Told:
        """Return what is told of a row that was seen, but for its event, and change nothing."""
        life, events, options = self._life, self._events, self._options
        expected = life.expected(seen)
        least = 0.05 * abs(life.scale.centre) if options.min_change is None else options.min_change
        usual = life.usual
        moved = max(abs(row.value - expected), 0.0 if usual is None else abs(row.value - usual))
        is_quiet = moved < least or events.is_normal(row.value)
        is_other_way = options.direction not in ("both", seen.way)
        why = {} if is_quiet or is_other_way else seen.bits
        bits = math.sqrt(sum(each * each for each in why.values()))
        asked = events.asked
        low, high = life.band(seen, asked)
        about = (expected,) if usual is None else (expected, usual)
        low, high = min(low, max(about) - least), max(high, min(about) + least)
        return Told(
            *(number, row.at, True, bits / (bits + asked), bits),
            dict(sorted(why.items(), key=lambda each: -each[1])),
            expected=expected,
            low=None if options.direction == "up" else low,
            high=None if options.direction == "down" else high,
        )

    def feedback(self, event: int, verdict: Literal["normal", "anomaly"]) -> None:
        """Take a person's word on an event: the values of a `normal` one are no news from now on.

        Of an `anomaly` they are news again, if they were said to be normal. Raises ValueError, with nothing changed,
        for an event that never was, or is longer ago than the last 64.
        """
        if verdict not in ("normal", "anomaly"):
            raise ValueError(f"verdict is {verdict!r}, must be normal or anomaly")
        self._events.judge(event, verdict == "normal", self._life.scale.spread / 4)

    def checkpoint(self) -> Checkpoint:
        """Return a copy of everything."""
        config = {"tick": self.rows, "learning_rate": 1.0, "options": self._options.to_json()}
        parts = {"events": numbers_of(self._events), **self._life.arrays()}
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
            take_numbers_(detector._events, checkpoint.arrays["events"])
            detector._life.take(checkpoint.arrays)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"not the checkpoint of a detector of values: {error}") from error
        return detector
