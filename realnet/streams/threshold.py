"""Where news begins: a threshold that moves until a stream has as many alarms as somebody wants to read."""

from __future__ import annotations

from realnet.core.checks import check_bounds

_RISE, _LOG_RISE = 1.25, 0.22314355131420976  # with each alarm, and the logarithm of that
_LEAST = 0.5  # bits: below them nothing is news


class Threshold:
    """The bits from which on a row is news.

    With each alarm it rises by a quarter, and from row to row it falls by so little that it is back when the budget
    allows the next. So it is a running quantile, of all rows but `budget` in a thousand; and whatever a stream is like,
    its alarms are as many as the budget has, but for those that the threshold's own way up or down is worth: some five
    where what is new becomes three times as surprising.

    Attributes:
        budget: alarms in 1,000 rows.
        bits: where it is.
    """

    def __init__(self, budget: float, bits: float = _LEAST) -> None:
        """Raises ValueError."""
        check_bounds("budget", budget, {"gt": 0, "le": 100})
        check_bounds("bits", bits, {"ge": _LEAST, "le": 1e6})
        self.budget, self.bits = float(budget), float(bits)

    def score(self, bits: float) -> float:
        """Return how new such a row is, in [0, 1): at the threshold 0.5."""
        return bits / (bits + self.bits)

    def begin(self, bits: float) -> None:
        """Take in a row of the warm-up: the threshold is at least where that was."""
        self.bits = max(self.bits, bits)

    def move(self, alarm: bool) -> None:
        """Take in whether a row was an alarm."""
        fallen = self.bits * (1 - _LOG_RISE * self.budget / 1000)
        self.bits = max(_LEAST, fallen * _RISE if alarm else fallen)
