"""An anomaly detector of River for numbers: `realnet.streams.several.SeveralDetector`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from river import base

from realnet.streams.several import SeveralDetector, Values
from realnet.streams.value_options import Direction, Expert, Missing, Sensitivity, ValueOptions


class ValueAnomalyDetector(base.AnomalyDetector):
    """Says how new a row of numbers is: each by its size, its hour, its drift and its range, and beside the others.

    The score is in [0, 1): news from 0.5 on, which is what `anomaly.ThresholdFilter` needs to know; 0 for most rows,
    and for the first 150. `score_one` changes nothing. The order of rows matters. Features that come later than the
    first row are a group of their own, which is heard by itself, and the score is the louder group's. A group has up to
    64 features.

    Parameters
    ----------
    on
        The one feature to watch; None: all, but for the time.
    time
        The feature that holds when a row was: seconds since 1970, or a datetime. None: rows have no times.
    sensitivity, min_change, direction, budget, zone, missing, expert
        As in `realnet.streams.value_options.ValueOptions`. What is absent, None or NaN is missing.

    Examples
    --------
    >>> from realnet.compat.river import ValueAnomalyDetector

    >>> model = ValueAnomalyDetector(on="load")
    >>> for number in range(400):
    ...     model.learn_one({"load": 10 + number % 7})
    >>> model.score_one({"load": 12})
    0.0
    >>> model.score_one({"load": 40}) > 0.5
    True
    """

    def __init__(
        self,
        on: str | None = None,
        time: str | None = None,
        sensitivity: Sensitivity = "normal",
        min_change: float | None = None,
        direction: Direction = "both",
        budget: float | None = None,
        zone: str = "UTC",
        missing: Missing = "skip",
        expert: Expert = "table",
    ) -> None:
        self.on = on
        self.time = time
        self.sensitivity = sensitivity
        self.min_change = min_change
        self.direction = direction
        self.budget = budget
        self.zone = zone
        self.missing = missing
        self.expert = expert
        self._options = ValueOptions(sensitivity, min_change, direction, budget, zone, missing, expert)
        self._groups: list[SeveralDetector] = []

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Learn a row. Raises ValueError that names the feature, with nothing changed."""
        rows = [*self._rows(x)]
        for group, row in rows:
            group.check(row)
        for group, row in rows:
            group.run([row])
        self._groups = [group for group, _ in rows]

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return how new a row is, in [0, 1), as if it came next. Raises ValueError that names the feature."""
        return max((group.look(row).score for group, row in self._rows(x)), default=0.0)

    def _rows(self, x: Mapping[Any, Any]) -> Iterator[tuple[SeveralDetector, Values]]:
        """Yield each group with its part of a row; a newborn group with the features that are in none."""
        at = None
        if self.time is not None:
            at = _number(self.time, x.get(self.time))
            if at is None:
                raise ValueError(f"there is no feature {self.time!r}, which holds the time")
        names = [self.on] if self.on is not None else [name for name in x if name != self.time]
        values = {str(name): _number(name, x[name]) for name in names if name in x}
        for group in self._groups:
            yield group, Values(at, {name: values.pop(name) for name in group.names if name in values})
        if values:
            yield SeveralDetector(self._options), Values(at, values)


def _number(name: Any, value: Any) -> float | None:
    if value is None:
        return None
    try:
        return float(value.timestamp() if hasattr(value, "timestamp") else value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"feature {name!r} is {value!r}, must be a number") from error
