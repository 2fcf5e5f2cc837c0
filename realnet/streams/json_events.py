"""A detector of JSON events: of values that are new in their field, and of such as never came together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from realnet.checkpoint import EVENTS, FORMAT, Checkpoint
from realnet.core.checks import is_number, is_whole
from realnet.streams.came import Came
from realnet.streams.fields import symbols_of, token_of
from realnet.streams.masking import as_array, from_array
from realnet.streams.news import News, Verdict
from realnet.streams.threshold import Threshold
from realnet.streams.told import ALARM, Learn, Told, learn_each

WARM_UP = 500  # events
BUDGET = 1.0  # alarms in 1,000 events
_MOST_FIELDS = 4096  # whose values are known; one more is new each time
_BYTES = 11_000_000  # about
_AND = "\t"  # between two symbols, which have none


class JsonEvent(NamedTuple):
    """An event, its fields by name, and when it was, in seconds since 1970, if that is known."""

    fields: Mapping[str, Any]
    at: float | None = None


class _Heard(NamedTuple):
    at: float | None
    symbols: dict[str, str]  # `name=symbol`, by name
    tokens: list[int]


class EventDetector:
    """Says of each event how new it is, and learns it. It implements `realnet.streams.told.Detector`.

        detector = EventDetector()
        told = detector.run([JsonEvent({"method": "GET", "status": 200, "user": {"name": "anna"}})])

    It is news if the value of a field is new where new values are rare, or if two values are new together that should
    have come together often, were it by chance. Both have a threshold of their own, which moves until each is half of
    the `budget`. Nothing is said of the first `WARM_UP` events. It takes 11 MB at most, however long a stream is.

    Attributes:
        rows: how many it has seen.
    """

    def __init__(self, budget: float = BUDGET) -> None:
        """Make a newborn. `budget` is how many alarms in 1,000 events are wanted, up to 100. Raises ValueError."""
        self.rows, self._learnt = 0, 0
        Threshold(budget)
        self._values, self._pairs = Threshold(budget / 2), Threshold(budget / 2)
        self._came, self._news = Came(), News()
        self._fields: dict[str, list[int]] = {}  # of each: events after the first one, and in how many it was new
        self._with_new_fields = 0

    @property
    def remaining(self) -> int:
        """Return how many events have to be learnt until it says anything."""
        return max(0, WARM_UP - self._learnt)

    @property
    def budget(self) -> float:
        return 2 * self._values.budget

    @budget.setter
    def budget(self, value: float) -> None:
        Threshold(value)
        self._values, self._pairs = (Threshold(value / 2, each.bits, each.rows) for each in (self._values, self._pairs))

    @property
    def nbytes(self) -> int:
        """Return about how many bytes of memory it takes."""
        return _BYTES

    def verdict(self, event: int) -> Verdict | None:
        """Return what a person said of an event."""
        return self._news.verdict(event)

    def run(self, rows: Sequence[JsonEvent], learn: Learn = True) -> list[Told]:
        """Tell of each event, and learn it unless it is not to be learnt. Raises ValueError, with nothing changed."""
        heard = [_heard(number, row) for number, row in enumerate(rows)]
        return [
            self._tell(each, is_learnt) for each, is_learnt in zip(heard, learn_each(learn, len(rows)), strict=True)
        ]

    def _tell(self, heard: _Heard, learn: bool) -> Told:
        self.rows += 1
        is_ready, is_new = self.remaining == 0, self._new(heard)
        values, pairs = self._new_values(heard, is_new), self._new_pairs(heard)
        bits_of_values, bits_of_pairs = max(values.values(), default=0.0), max(pairs.values(), default=0.0)
        score, bits = max(
            (self._values.score(bits_of_values), bits_of_values), (self._pairs.score(bits_of_pairs), bits_of_pairs)
        )
        score = score if is_ready else 0.0
        loudest = values if bits == bits_of_values else pairs
        why = dict(sorted((values | pairs).items(), key=lambda part: (part[0] not in loudest, -part[1])))
        event = self._news.tell(next(iter(why))) if score >= ALARM else None
        why = {symbols.replace(_AND, " & "): each for symbols, each in why.items()}
        if learn:
            self._learn(heard, is_new)
            for threshold, own in ((self._values, bits_of_values), (self._pairs, bits_of_pairs)):
                if is_ready:
                    threshold.move(threshold.score(own) >= ALARM)
                elif self._learnt > WARM_UP // 2:  # what came before was new to a newborn, whatever it was
                    threshold.begin(own)
        return Told(self.rows, heard.at, is_ready, score, bits, why, event=event)

    def _new(self, heard: _Heard) -> list[str]:
        """Return the names of the fields whose value never came."""
        came = self._came.times(heard.tokens)
        return [name for name, times in zip(heard.symbols, came, strict=True) if times == 0]

    def _new_values(self, heard: _Heard, is_new: list[str]) -> dict[str, float]:
        """Return of each new value how rare new values are in its field; all fields that are new are as rare as one."""
        bits = {}
        for name in is_new:
            events, new = self._fields.get(name, (self._learnt, self._with_new_fields))
            bits[heard.symbols[name]] = math.log2((events + 1) / (new + 0.5))
        return bits

    def _new_pairs(self, heard: _Heard) -> dict[str, float]:
        """Return of the pair that is most surprising how often it should have come."""
        pair = self._came.new_pair(heard.tokens)
        symbols = list(heard.symbols.values())
        return (
            {} if pair is None else {f"{symbols[pair.one]}{_AND}{symbols[pair.other]}": math.log2(1 + 2 * pair.times)}
        )

    def _learn(self, heard: _Heard, is_new: list[str]) -> None:
        self._learnt += 1
        self._with_new_fields += any(name not in self._fields for name in is_new)
        for name in heard.symbols:
            if counts := self._fields.get(name):
                counts[0] += 1
                counts[1] += name in is_new
            elif len(self._fields) < _MOST_FIELDS:
                self._fields[name] = [0, 0]
        self._came.learn(heard.tokens)

    def feedback(self, event: int, verdict: Verdict) -> None:
        """Take a person's word on an event: what was new in a `normal` one is known from now on, also if not learnt.

        An `anomaly` is kept as that, and nothing is unlearnt. Raises ValueError for no such event.
        """
        self._news.judge(event, verdict)
        if verdict == "normal":
            self._came.count(_tokens(self._news.line(event).split(_AND)))

    def checkpoint(self) -> Checkpoint:
        """Return a copy of everything."""
        config = {
            "format": FORMAT,
            "kind": EVENTS,
            "tick": self.rows,
            "learning_rate": 1.0,
            "learnt": self._learnt,
            "budget": self.budget,
            "thresholds": [self._values.bits, self._pairs.bits],
            "events": self._news.count,
            "with_new_fields": self._with_new_fields,
        }
        counts = np.array(list(self._fields.values()), np.int64).reshape(-1, 2)
        fields: dict[str, NDArray[Any]] = {"fields": as_array(list(self._fields)), "field counts": counts}
        return Checkpoint(config, fields | self._came.arrays() | self._news.arrays())

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Self:
        """Return the detector that made it, which goes on exactly. Raises ValueError for any other."""
        config, arrays = checkpoint.config, checkpoint.arrays
        try:
            if config["kind"] != EVENTS:
                raise ValueError(f"it is of kind {config['kind']!r}")
            if not all(
                is_whole(config[name]) and config[name] >= 0 for name in ("learnt", "events", "with_new_fields")
            ):
                raise ValueError("learnt, events and with_new_fields are whole numbers")
            detector = cls(config["budget"])
            detector.rows, detector._learnt = checkpoint.tick, config["learnt"]
            rows = max(0, detector._learnt - WARM_UP)
            detector._values, detector._pairs = (
                Threshold(config["budget"] / 2, bits, rows) for bits in config["thresholds"]
            )
            detector._news, detector._with_new_fields = News.of(config["events"], arrays), config["with_new_fields"]
            detector._came.take(arrays)
            names, counts = from_array(arrays["fields"]), arrays["field counts"]
            if counts.dtype != np.int64 or counts.shape != (len(names), 2) or len(names) > _MOST_FIELDS:
                raise ValueError("the counts of the fields are none")
            detector._fields = dict(zip(names, counts.tolist(), strict=True))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            missing = " is missing" if isinstance(error, KeyError) else ""
            raise ValueError(f"not a checkpoint of events: {' '.join(str(error).split())}{missing}") from error
        return detector


def _heard(number: int, row: JsonEvent) -> _Heard:
    if not isinstance(row.fields, Mapping):
        raise ValueError(f"rows[{number}] is {type(row.fields).__name__}, must be an object")
    if row.at is not None and not is_number(row.at):
        raise ValueError(f"rows[{number}].at is {row.at!r}, must be a number")
    symbols = symbols_of(row.fields, f"rows[{number}]")
    return _Heard(row.at, symbols, _tokens(symbols.values()))


def _tokens(symbols: Iterable[str]) -> list[int]:
    return [token_of(symbol) for symbol in symbols]
