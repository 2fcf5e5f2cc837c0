"""Where news begins: a threshold that moves until a stream has as many alarms as somebody wants to read."""

from __future__ import annotations

import math

from realnet.core.checks import check_bounds

_RISE = 0.25  # of the threshold, with each alarm
_YOUNG, _SOONEST = 500, 150  # rows: after r of them it rises by 500 / (150 + r) times as much more
_LEAST = 0.5  # bits: below them nothing is news


class Threshold:
    """The bits from which on a row is news.

    With each alarm it rises by a quarter, in a young stream by up to the whole, and from row to row it falls by so
    little that it is back when the budget allows the next. So it is a running quantile, of all rows but `budget` in a
    thousand; and whatever a stream is like, its alarms are as many as the budget has, but for those that the
    threshold's own way up or down is worth: some two in a young stream where what is new becomes three times as
    surprising, and some five in an old one.

    Attributes:
        budget: alarms in 1,000 rows.
        bits: where it is.
        rows: how many it has taken in since it began.
    """

    def __init__(self, budget: float, bits: float = _LEAST, rows: int = 0) -> None:
        """Raises ValueError."""
        check_bounds("budget", budget, {"gt": 0, "le": 100})
        check_bounds("bits", bits, {"ge": _LEAST, "le": 1e6})
        self.budget, self.bits, self.rows = float(budget), float(bits), rows

    def score(self, bits: float) -> float:
        """Return how new such a row is, in [0, 1): at the threshold 0.5."""
        return bits / (bits + self.bits)

    def begin(self, bits: float) -> None:
        """Take in a row of the warm-up: the threshold is at least where that was."""
        self.bits = max(self.bits, bits)

    def move(self, alarm: bool) -> None:
        """Take in whether a row was an alarm."""
        rise = 1 + _RISE * (1 + _YOUNG / (_SOONEST + self.rows))
        self.rows += 1
        fallen = self.bits * (1 - math.log(rise) * self.budget / 1000)
        self.bits = min(1e6, max(_LEAST, fallen * rise if alarm else fallen))
