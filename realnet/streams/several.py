"""A detector of rows of several values: each by itself, and each beside the others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from realnet.checkpoint import FORMAT, SEVERAL, Checkpoint
from realnet.core.checks import is_number
from realnet.streams.events import Events, Ranges, change_asked, first_asked
from realnet.streams.hearing import Heard, band, hear, sides
from realnet.streams.life import WARM_UP, Life, Row
from realnet.streams.metric import BYTES
from realnet.streams.numbers import numbers_of, take_numbers_
from realnet.streams.others import Beside, Others
from realnet.streams.told import Event, Expected, Learn, Told, learn_each
from realnet.streams.value_checks import check_time, taken
from realnet.streams.value_options import ValueOptions
from realnet.streams.zone import hour_of, is_time, zone_of

MOST = 64  # values of a row
_LONGEST_NAME = 256


class Values(NamedTuple):
    """A row: when it was, in seconds since 1970, or None in a stream without times; and its values by name.

    One that is None, or is not there, is missing.
    """

    at: float | None
    values: Mapping[str, float | None]


class _Said(NamedTuple):
    """What is said of one value."""

    why: dict[str, float]
    expected: Expected


class _Judged(NamedTuple):
    told: Told
    said: dict[str, _Said]
    beside: Beside


class SeveralDetector:
    """A `Detector` of rows of several values. See `ValueOptions`, which may be changed at any time.

    Which values there are the first row says. By default what is missing is skipped, and the expert is the table.

    Attributes:
        rows: how many it has seen.
        names: of the values, in the order of the first row; none before it.
    """

    def __init__(self, options: ValueOptions | None = None) -> None:
        self.rows = 0
        self._options = options or ValueOptions(missing="skip", expert="table")
        self._begin(())

    def _begin(self, names: tuple[str, ...]) -> None:
        self.names = names
        self._lives = [Life(self._options.expert) for _ in names]
        self._ranges = [Ranges() for _ in names]
        self._others = Others(len(names))
        self._events = Events(first_asked(self._options, len(names)))
        self._at: float | None = None

    @property
    def remaining(self) -> int:
        """Return the rows until it says anything; 0 once it is ready."""
        return min((life.remaining for life in self._lives), default=WARM_UP)

    @property
    def options(self) -> ValueOptions:
        return self._options

    @options.setter
    def options(self, options: ValueOptions) -> None:
        change_asked(self._events, self._options, options, len(self.names))
        self._options = options

    @property
    def asked(self) -> float:
        """Return how rare a row must be to be news, in bits."""
        return self._events.asked

    @property
    def nbytes(self) -> int:
        """Return about how many bytes of memory it takes."""
        return len(self.names) * (BYTES[self._options.expert] + 8 * len(self.names))

    def run(self, rows: Sequence[Values], learn: Learn = True) -> list[Told]:
        """Tell of each row, and learn it unless it is not to be learnt.

        Raises ValueError that names the row by its place in `rows`, from 0, with nothing changed.
        """
        learnt = learn_each(learn, len(rows))
        names = self.names or _names_of(rows)
        checked = self._checked(rows, names)
        if names and not self.names:
            self._begin(names)
        return [self._tell(at, row, each) for (at, row), each in zip(checked, learnt, strict=True)]

    def check(self, row: Values) -> None:
        """Raise ValueError if a row cannot come next."""
        self._checked([row], self.names or _names_of([row]))

    def look(self, row: Values) -> Told:
        """Tell of a row what `run` would if it came next, but for its event, and change nothing. Raises ValueError."""
        ((at, lived),) = self._checked([row], self.names or _names_of([row]))
        if not self.names:
            return Told(self.rows + 1, at, False, 0.0, 0.0, {}, each={})
        with ExitStack() as stack:
            for life in self._lives if at is not None else ():
                stack.enter_context(life.passing(at))
            heard = [
                None if value is None or life.remaining else hear(life, value, self._options)
                for life, value in zip(self._lives, lived, strict=True)
            ]
            return self._judge(self.rows + 1, at, lived, heard).told

    def _checked(self, rows: Sequence[Values], names: tuple[str, ...]) -> list[tuple[float | None, list[Row | None]]]:
        """Return of each row its time and what is lived through of each value, None if it is to be skipped."""
        zone, missing, known = zone_of(self._options.zone), self._options.missing, set(names)
        previous = [life.previous for life in self._lives] or [None] * len(names)
        last, is_first = self._at, self.rows == 0
        checked: list[tuple[float | None, list[Row | None]]] = []
        for number, (at, values) in enumerate(rows):
            check_time(number, at, last, is_first)
            last, is_first = at, False
            if unknown := [name for name in values if name not in known]:
                raise ValueError(f"rows[{number}]: there is no {unknown[0]!r}, but {', '.join(names)}")
            hour, row = 0 if at is None else hour_of(at, zone), list[Row | None]()
            for which, name in enumerate(names):
                value = values.get(name)
                if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
                    raise ValueError(f"rows[{number}].{name}: the value is {value!r}, must be a number")
                one = taken(number, math.nan if value is None else value, missing, previous[which], f".{name}")
                previous[which] = previous[which] if one is None else one
                row.append(None if one is None else Row(at, one, hour))
            checked.append((at, row))
        return checked

    def _tell(self, at: float | None, row: list[Row | None], learn: bool) -> Told:
        self.rows, self._at = self.rows + 1, at
        is_ready, asked = self.remaining == 0, self._events.asked
        heard = [self._hear(life, at, value, learn) for life, value in zip(self._lives, row, strict=True)]
        told, said, beside = self._judge(self.rows, at, row, heard)
        event = self._events.see(told.bits)
        self._note(row, said, event, told.bits >= asked)
        if learn:
            self._learn(row, heard, beside)
            if is_ready and self._options.budget is not None:
                self._events.keep_budget(self._options.budget, event)
        return told._replace(ready=is_ready, event=event)

    def _judge(self, number: int, at: float | None, row: list[Row | None], heard: list[Heard | None]) -> _Judged:
        """Return what is told of a row that was heard, but for its event, and change nothing."""
        asked = self._events.asked
        beside = self._others.see(np.array([np.nan if each is None else each.place for each in heard]))
        said = {
            name: self._say(which, value, each, float(beside.apart[which]))
            for which, (name, value, each) in enumerate(zip(self.names, row, heard, strict=True))
            if value is not None and each is not None
        }
        parts = [(f"{name}: {signal}", bits) for name, each in said.items() for signal, bits in each.why.items()]
        bits = math.sqrt(sum(each * each for _, each in parts))
        told = Told(
            *(number, at, self.remaining == 0, bits / (bits + asked), bits),
            dict(sorted(parts, key=lambda part: -part[1])),
            each={name: each.expected for name, each in said.items()},
        )
        return _Judged(told, said, beside)

    def _hear(self, life: Life, at: float | None, value: Row | None, learn: bool) -> Heard | None:
        """Hear a value by itself; None if it is missing, or not yet known well enough."""
        life.pass_by(at, None if value is None else value.value)
        if value is None:
            return None
        if life.remaining == 0:
            return hear(life, value, self._options)
        if learn:
            life.learn(value)
        return None

    def _say(self, which: int, value: Row, heard: Heard, apart: float) -> _Said:
        """Say of a value what is heard of it by itself, and beside the others; the expected is that of the louder."""
        life, asked, direction = self._lives[which], self._events.asked, self._options.direction
        expected, (low, high), why = heard.expected, band(life, heard, asked), heard.why
        place = heard.place - apart
        by_others = life.scale.value(place)
        bits = self._others.bits(which, apart)
        is_that_way = direction == "both" or (apart > 0) == (direction == "up")
        least = heard.least if self._options.min_change is not None else heard.least / 5  # 1% of the usual value
        if bits and is_that_way and abs(value.value - by_others) >= least:
            if bits > max(why.values(), default=0.0):
                farthest, expected = self._others.farthest(which, asked), by_others
                low = min(life.scale.value(place - farthest), expected - least)
                high = max(life.scale.value(place + farthest), expected + least)
            why = why | {"others": bits}
        why = {} if self._ranges[which].is_normal(value.value) else why
        return _Said(why, Expected(expected, *sides(low, high, direction)))

    def _note(self, row: list[Row | None], said: Mapping[str, _Said], event: Event | None, is_news: bool) -> None:
        """Keep of an event which values spoke for it, for a person's word on it."""
        begins = event is not None and event.state == "open"
        if not self._events.is_open or not (begins or is_news):
            return
        for name, value, each in zip(self.names, row, self._ranges, strict=True):
            spoke = is_news and value is not None and name in said and bool(said[name].why)
            each.note(self._events.number, begins, value.value if value is not None and spoke else None)

    def _learn(self, row: list[Row | None], heard: list[Heard | None], beside: Beside) -> None:
        if any(each is not None for each in heard):
            self._others.learn(beside)
        for life, value, each in zip(self._lives, row, heard, strict=True):
            if value is not None and each is not None:
                scale = life.scale
                life.learn(value)
                if life.scale is not scale:  # its places are others from now on
                    self._others = Others(len(self.names))

    def feedback(self, event: int, verdict: Literal["normal", "anomaly"]) -> None:
        """Take a person's word on an event: the values that spoke for a `normal` one are no news from now on.

        Of an `anomaly` they are news again, if they were said to be normal. Raises ValueError, with nothing changed,
        for an event that never was, or is longer ago than the last 64.
        """
        if verdict not in ("normal", "anomaly"):
            raise ValueError(f"verdict is {verdict!r}, must be normal or anomaly")
        self._events.judge(event, verdict == "normal")
        for life, ranges in zip(self._lives, self._ranges, strict=True):
            ranges.judge(event, verdict == "normal", life.scale.spread / 4)

    def checkpoint(self) -> Checkpoint:
        """Return a copy of everything."""
        config = {"tick": self.rows, "learning_rate": 1.0, "options": self._options.to_json(), "at": self._at}
        parts = {"events": numbers_of(self._events.state)} | {
            f"others {k}": v for k, v in self._others.arrays().items()
        }
        for number, (life, ranges) in enumerate(zip(self._lives, self._ranges, strict=True)):
            parts |= {f"{number} {name}": each for name, each in life.arrays().items()}
            parts[f"{number} ranges"] = numbers_of(ranges.state)
        return Checkpoint({"format": FORMAT, "kind": SEVERAL, "names": list(self.names), **config}, parts)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Self:
        """Return the detector that made it, which goes on exactly. Raises ValueError for any other."""
        config: dict[str, Any] = checkpoint.config
        arrays = checkpoint.arrays
        try:
            if config["kind"] != SEVERAL:
                raise ValueError(f"it is of kind {config['kind']!r}")
            detector = cls(ValueOptions(**config["options"]))
            if config["names"]:
                detector._begin(_checked_names("names", config["names"]))
            detector.rows, detector._at = checkpoint.tick, config["at"]
            if detector._at is not None and not (is_number(detector._at) and is_time(detector._at)):
                raise ValueError(f"at is {detector._at!r}")
            take_numbers_(detector._events.state, arrays["events"])
            detector._others.take(_of(arrays, "others "))
            for number, (life, ranges) in enumerate(zip(detector._lives, detector._ranges, strict=True)):
                life.take(_of(arrays, f"{number} "))
                take_numbers_(ranges.state, arrays[f"{number} ranges"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"not the checkpoint of a detector of several values: {error}") from error
        return detector


def _names_of(rows: Sequence[Values]) -> tuple[str, ...]:
    """Return the names of the values, as the first row has them; none if there is no row. Raises ValueError."""
    return _checked_names("rows[0]", list(rows[0].values)) if rows else ()


def _checked_names(where: str, names: list[str]) -> tuple[str, ...]:
    if not 1 <= len(names) <= MOST:
        raise ValueError(f"{where}: there are {len(names)} values, must be 1 to {MOST}")
    for name in names:
        if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST_NAME:
            raise ValueError(f"{where}: the name of a value must be a text of 1 to {_LONGEST_NAME} characters")
    return tuple(names)


def _of(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): each for name, each in arrays.items() if name.startswith(prefix)}
