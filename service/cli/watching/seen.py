"""What was told of all rows of a stream, in little memory: for a picture of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from realnet.streams.told import Told

_MOST_COLUMNS = 2048  # where there are so many, each two become one
_SIGNS = 300  # of a text that are kept


class Column(NamedTuple):
    """Some rows, one after the other: the `line` and the time of the first, and what was expected first.

    Of values and scores it has the least and the most, so that none of the rows vanishes.
    """

    line: float
    at: float
    low: float
    expected: float
    high: float
    least: float
    most: float
    score: float

    def with_(self, other: "Column") -> "Column":
        """Return the column of these rows and those of another, which comes after it."""
        expects = other if math.isnan(self.expected) else self
        least, most = _extreme(min, self.least, other.least), _extreme(max, self.most, other.most)
        return Column(
            self.line,
            self.at,
            expects.low,
            expects.expected,
            expects.high,
            least,
            most,
            max(self.score, other.score),
        )


class Mark(NamedTuple):
    """An event, where it opened or got worse."""

    score: float
    number: int
    state: str
    line: int
    at: float
    what: str | float


@dataclass(slots=True)
class Seen:
    """The rows of a stream, in columns of equally many.

    Attributes:
        ready: the first row that was told of by a judge that was ready.
        has_times: whether each row had a time, and none was before the one before it.
        each: how many rows a column has.
    """

    rows: int = 0
    events: int = 0
    marks: list[Mark] = field(default_factory=list)
    ready: Column | None = None
    has_times: bool = True
    each: int = 1
    columns: list[Column] = field(default_factory=list)
    _in_last: int = 0  # rows
    _last_at: float = -math.inf

    def add(self, line: int, what: str | float, told: Told) -> None:
        """Take what was told of the next row."""
        at, value = _number(told.at), _number(None if isinstance(what, str) else what)
        expected = _number(None if isinstance(told.expected, str) else told.expected)
        row = Column(line, at, _number(told.low), expected, _number(told.high), value, value, told.score)
        self.rows += 1
        self.has_times, self._last_at = self.has_times and at >= self._last_at, at
        if told.ready and self.ready is None:
            self.ready = row
        if told.event is not None and told.event.state != "closed":
            self.events += told.event.state == "open"
            kept = what[:_SIGNS] if isinstance(what, str) else what
            self.marks.append(Mark(told.score, told.event.number, told.event.state, line, at, kept))
        self._put(row)

    def _put(self, row: Column) -> None:
        if self._in_last in (0, self.each):
            if len(self.columns) == _MOST_COLUMNS:
                columns = iter(self.columns)
                self.columns = [one.with_(next(columns)) for one in columns]
                self.each *= 2
            self.columns.append(row)
            self._in_last = 1
        else:
            self.columns[-1] = self.columns[-1].with_(row)
            self._in_last += 1


def _number(value: float | None) -> float:
    return math.nan if value is None or math.isinf(value) else value


def _extreme(of: Callable[[float, float], float], one: float, other: float) -> float:
    return other if math.isnan(one) else one if math.isnan(other) else of(one, other)
