"""An anomaly detector of River for numbers: `realnet.streams.metric.MetricDetector`, one for each feature."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from river import base

from realnet.streams.metric import MetricDetector, Value
from realnet.streams.value_options import Direction, Expert, Missing, Sensitivity, ValueOptions


class ValueAnomalyDetector(base.AnomalyDetector):
    """Says how new a row of numbers is in its stream: by its size, its hour, its drift, and what it never was before.

    Each feature is a stream of its own, with its own detector. The score of a row is the largest of its features', in
    [0, 1): news from 0.5 on, which is what `anomaly.ThresholdFilter` needs to know. It is 0 for the first 150 rows of a
    feature. `score_one` changes nothing, and a feature that a row has not is neither scored nor learnt. The order of
    rows matters; how features belong together is not seen.

    Parameters
    ----------
    on
        The one feature to watch; None: all, but for the time.
    time
        The feature that holds when a row was: seconds since 1970, or a datetime. None: rows have no times.
    sensitivity, min_change, direction, budget, zone, missing, expert
        As in `realnet.streams.value_options.ValueOptions`. `expert="table"` is the fastest.

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
        missing: Missing = "refuse",
        expert: Expert = "mixed",
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
        self._detectors: dict[base.typing.FeatureName, MetricDetector] = {}

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"expert": "table"}

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Learn a row. Raises ValueError that names the feature, with nothing changed."""
        told = [(name, self._detectors.get(name) or MetricDetector(self._options), row) for name, row in self._read(x)]
        for name, detector, row in told:
            try:
                detector.check(row)
            except ValueError as error:
                raise ValueError(f"feature {name!r}: {error}") from error
        for name, detector, row in told:
            self._detectors[name] = detector
            detector.run([row])

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return how new a row is, in [0, 1), as if it came next. Raises ValueError that names the feature."""
        score = 0.0
        for name, row in self._read(x):
            if (detector := self._detectors.get(name)) is not None:
                try:
                    score = max(score, detector.look(row).score)
                except ValueError as error:
                    raise ValueError(f"feature {name!r}: {error}") from error
        return score

    def _read(self, x: Mapping[Any, Any]) -> list[tuple[base.typing.FeatureName, Value]]:
        at = None
        if self.time is not None:
            if x.get(self.time) is None:
                raise ValueError(f"there is no feature {self.time!r}, which holds the time")
            at = _number(self.time, x[self.time])
        names = [self.on] if self.on is not None else [name for name in x if name != self.time]
        return [(name, Value(at, _number(name, x[name]))) for name in names if name in x]


def _number(name: base.typing.FeatureName, value: Any) -> float:
    if value is None:
        return math.nan
    try:
        return float(value.timestamp() if hasattr(value, "timestamp") else value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"feature {name!r} is {value!r}, must be a number") from error
