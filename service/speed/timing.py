"""Take the time of pieces of work in turns, so that what else the machine does meets all of them."""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

Work = Callable[[int], object]  # does so many turns
Name = TypeVar("Name")

_LEAST_SECONDS = 0.01  # of one measurement, so that the clock and the call count for nothing
_MOST_GROWTH = 16  # from one guess of the turns to the next


def fastest(works: Mapping[Name, Work], seconds: float) -> dict[Name, float]:
    """Return the least seconds that a turn of each work took. They alternate for some `seconds`, two rounds or more.

    A turn before that, in which a kernel may be compiled, does not count.
    """
    for work in works.values():
        work(1)
    least = min(_LEAST_SECONDS, seconds / (4 * len(works)))
    began = time.perf_counter()
    turns = {name: _turns(work, least) for name, work in works.items()}
    taken = dict.fromkeys(works, float("inf"))
    rounds = 0
    while rounds < 2 or time.perf_counter() - began < seconds:
        for name, work in works.items():
            taken[name] = min(taken[name], seconds_of(work, turns[name]) / turns[name])
        rounds += 1
    return taken


def seconds_of(work: Work, turns: int) -> float:
    """Return how long so many turns take."""
    began = time.perf_counter()
    work(turns)
    return time.perf_counter() - began


def _turns(work: Work, least: float) -> int:
    """Return how many turns take `least` seconds."""
    turns = 1
    while (taken := seconds_of(work, turns)) < least:
        turns = max(turns + 1, round(turns * min(_MOST_GROWTH, 1.2 * least / max(taken, 1e-9))))
    return turns
