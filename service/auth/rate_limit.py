"""A token bucket: how much a caller may ask for a second."""

import time
from collections.abc import Callable


class TokenBucket:
    """Limits to `rate` a second, saving up at most one second's worth; 0 is no limit.

    One request may overdraw the bucket; later ones wait until it has refilled.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._level = rate
        self._at = clock()

    def wait(self) -> float:
        """Return the seconds until something may be taken; 0 is now."""
        if not self._rate:
            return 0.0
        now = self._clock()
        self._level = min(self._rate, self._level + self._rate * (now - self._at))
        self._at = now
        least = min(1.0, self._rate)
        return max(0.0, (least - self._level) / self._rate)

    def take(self, amount: float) -> None:
        self._level -= amount
