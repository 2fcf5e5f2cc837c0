"""Token buckets: how much a second may be asked for, by one key or of one net."""

import math
import time
from collections.abc import Callable

from service.errors import Limited


class TokenBucket:
    """Limits to `rate` a second, saving up at most one second's worth; 0 is no limit.

    One request may overdraw the bucket; later ones wait until it has refilled.
    """

    __slots__ = ("_at", "_clock", "_level", "rate")

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._level = rate
        self._at = clock()

    def wait(self) -> float:
        """Return the seconds until something may be taken; 0 is now."""
        if not self.rate:
            return 0.0
        now = self._clock()
        self._level = min(self.rate, self._level + self.rate * (now - self._at))
        self._at = now
        least = min(1.0, self.rate)
        return max(0.0, (least - self._level) / self.rate)

    def take(self, amount: float) -> None:
        self._level -= amount


class Rates:
    """The requests and the ticks that one key may ask for in a second, or one net be asked for; 0 is no limit.

    A refusal names `whose` rates they are: "more ticks a second than" that.
    """

    __slots__ = ("_whose", "requests", "ticks")

    def __init__(self, whose: str, requests: float = 0.0, ticks: float = 0.0) -> None:
        self._whose = whose
        self.requests, self.ticks = TokenBucket(requests), TokenBucket(ticks)

    def change(self, requests: float, ticks: float) -> None:
        """Set the rates. One that is another than before begins with a second's worth."""
        if requests != self.requests.rate:
            self.requests = TokenBucket(requests)
        if ticks != self.ticks.rate:
            self.ticks = TokenBucket(ticks)

    def count_request(self) -> None:
        """Raises Limited over the rate of requests."""
        if wait := self.requests.wait():
            raise self._limited("requests", wait)
        self.requests.take(1)

    def check_ticks(self) -> None:
        """Raises Limited while over the rate of ticks."""
        if wait := self.ticks.wait():
            raise self._limited("ticks", wait)

    def _limited(self, what: str, wait: float) -> Limited:
        return Limited(f"more {what} a second than {self._whose}", math.ceil(wait))
