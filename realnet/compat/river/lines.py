"""An anomaly detector of River for lines of text: `realnet.streams.lines.LineDetector`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from river import base

from realnet.streams.lines import BUDGET, LineDetector


class LineAnomalyDetector(base.AnomalyDetector):
    """Says how new a line is in its log: by its words, and by its bytes where it never came before.

    The score is in [0, 1): news from 0.5 on, which is what `anomaly.ThresholdFilter` needs to know; 0 for a line that
    came before, numbers aside, and for the first 500 lines. `score_one` changes nothing.

    Parameters
    ----------
    on
        The feature that holds the line; None: `x` is the line itself. Where it is missing there is no line.
    budget
        How many of 1,000 lines are to be news, up to 100.

    Examples
    --------
    >>> from realnet.compat.river import LineAnomalyDetector

    >>> model = LineAnomalyDetector()
    >>> for number in range(600):
    ...     model.learn_one(f"session {number} opened for anna")
    >>> model.score_one("session 17 opened for anna")
    0.0
    >>> model.score_one("kernel panic: not syncing") > 0.5
    True
    """

    def __init__(self, on: str | None = None, budget: float = BUDGET) -> None:
        self.on = on
        self.budget = budget
        self._detector = LineDetector(budget)

    def _more_tags(self) -> set[str]:
        return {base.tags.TEXT_INPUT}

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"on": "line"}

    def learn_one(self, x: Mapping[Any, Any] | str) -> None:
        """Learn a line. Raises ValueError, with nothing changed, for what is none."""
        line = self._line(x)
        if line is not None:
            self._detector.run([line])

    def score_one(self, x: Mapping[Any, Any] | str) -> float:
        """Return how new a line is, in [0, 1), as if it came next. Raises ValueError for what is none."""
        line = self._line(x)
        return 0.0 if line is None else self._detector.look(line).score

    def _line(self, x: Mapping[Any, Any] | str) -> str | None:
        line = x if self.on is None or isinstance(x, str) else x.get(self.on)
        if line is not None and not isinstance(line, str):
            where = "x" if self.on is None else f"feature {self.on!r}"
            raise ValueError(f"{where} is {type(line).__name__}, must be a text")
        return line
