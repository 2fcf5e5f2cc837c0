"""How rare a number is among all that came before it in its stream, in bits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

FIRST = 100  # numbers before anything is said
MOST = 40.0  # bits
_SHARE = 0.02  # of the numbers are in the tail
_TAIL = -math.log2(_SHARE)


@dataclass(slots=True)
class Rarity:
    """The running 98% quantile, and above it an exponential tail. Both adapt: what comes often is soon not rare."""

    least: float = 0.0  # what is less beyond the quantile than this is not told apart
    seen: float = 0.0
    threshold: float = 0.0
    above: float = 0.0  # how many were above it
    excess: float = 0.0  # how far they were above it, in the mean
    mean: float = 0.0  # of all numbers
    first: list[float] = field(default_factory=lambda: [0.0] * FIRST)

    @property
    def _unit(self) -> float:
        return max(self.least, self.excess + 0.1 * self.mean)

    def bits(self, number: float) -> float:
        """Return how rare a number is: 0 below the quantile, at most `MOST`."""
        if self.seen < FIRST or number <= self.threshold:
            return 0.0
        return min(MOST, _TAIL + (number - self.threshold) / self._unit / math.log(2))

    def number(self, bits: float) -> float:
        """Return the number from which on it is so rare."""
        return self.threshold + max(0.0, min(bits, MOST) - _TAIL) * self._unit * math.log(2)

    def learn(self, number: float) -> None:
        """Count a number in."""
        seen = int(self.seen)
        self.seen += 1
        if seen < FIRST:
            self.first[seen] = number
            if seen == FIRST - 1:
                self._begin()
            return
        beyond = number > self.threshold
        if beyond:
            self.above += 1
            counted = min(number - self.threshold, 5 * self.excess + self.mean)  # one outlier is not to hide the next
            self.excess += max(1 / self.above, 0.01) * (counted - self.excess)
        step = 5 * max(2 / (seen + 1), 0.001) * self._unit
        self.threshold += step * (beyond - _SHARE)
        self.mean += max(1 / (seen + 1), 1e-4) * (number - self.mean)

    def _begin(self) -> None:
        self.threshold = sorted(self.first)[int((1 - _SHARE) * (FIRST - 1))]
        excesses = [each - self.threshold for each in self.first if each > self.threshold]
        self.above = float(len(excesses))
        self.excess = (sum(excesses) + 1e-12) / max(len(excesses), 1)
        self.mean = sum(self.first) / FIRST + 1e-9
