"""A detector of values: what is expected of the next, and how rare it is that it came out otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Self

from realnet.checkpoint import FORMAT, VALUES, Checkpoint
from realnet.streams.events import Events, Ranges, change_asked, first_asked
from realnet.streams.hearing import band, hear, sides
from realnet.streams.life import Life, Row
from realnet.streams.numbers import numbers_of, take_numbers_
from realnet.streams.told import Learn, Told, learn_each
from realnet.streams.value_checks import check_time, taken
from realnet.streams.value_options import Expert, ValueOptions
from realnet.streams.zone import hour_of, zone_of

BYTES: dict[Expert, int] = {"table": 100_000, "mixed": 1_100_000, "tree": 1_100_000}  # of a value; measured


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
        return [self._tell(at, row, each) for (at, row), each in zip(self._checked(rows), learnt, strict=True)]

    def _checked(self, rows: Sequence[Value]) -> list[tuple[float | None, Row | None]]:
        """Return of each row its time and what is lived through, None if it is to be skipped."""
        zone, missing = zone_of(self._options.zone), self._options.missing
        previous, last, is_first = self._life.previous, self._life.at, self.rows == 0
        checked: list[tuple[float | None, Row | None]] = []
        for number, (at, value) in enumerate(rows):
            check_time(number, at, last, is_first)
            last, is_first = at, False
            one = taken(number, value, missing, previous)
            previous = previous if one is None else one
            checked.append((at, None if one is None else Row(at, one, 0 if at is None else hour_of(at, zone))))
        return checked

    def _tell(self, at: float | None, row: Row | None, learn: bool) -> Told:
        self.rows += 1
        life, events, options = self._life, self._events, self._options
        life.pass_by(at)
        if row is None:
            return Told(self.rows, at, life.remaining == 0, 0.0, 0.0, {})
        life.note(row.value)
        if life.remaining:
            if learn:
                life.wait(row)
            return Told(self.rows, at, False, 0.0, 0.0, {})
        heard = hear(life, row, options)
        why = {} if self._ranges.is_normal(row.value) else heard.why
        bits = math.sqrt(sum(each * each for each in why.values()))
        asked = events.asked
        event = events.see(bits)
        if event is not None and event.state == "open":
            self._ranges.begin(event.number)
        if bits >= asked and events.is_open:
            self._ranges.note(int(events.number), row.value)
        low, high = sides(*band(life, heard, asked), options.direction)
        if learn:
            life.learn(row, heard.seen)
            if options.budget is not None:
                events.keep_budget(options.budget, event is not None and event.state != "closed")
        loudest_first = dict(sorted(why.items(), key=lambda each: -each[1]))
        score = bits / (bits + asked)
        return Told(self.rows, at, True, score, bits, loudest_first, heard.expected, low, high, event)

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
        parts = {"events": numbers_of(self._events), "ranges": numbers_of(self._ranges), **self._life.arrays()}
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
            take_numbers_(detector._ranges, checkpoint.arrays["ranges"])
            detector._life.take(checkpoint.arrays)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"not the checkpoint of a detector of values: {error}") from error
        return detector
