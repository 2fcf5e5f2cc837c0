"""How well a learner predicts, prequentially: each token is scored before it is learnt from."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_kernel, kernel
from realnet.core.state import Float32, Float64

HORIZON = 1000  # tokens that a moving figure looks back on
POINTS = 512  # of a history, at most
FIRST_INTERVAL = 16  # tokens of one of them, until there are so many
SAMPLED = 16  # of so many ticks one is searched for the likeliest token where that costs a search


def estimated_hits(tick: NDArray[np.int64], is_best: NDArray[np.bool_], probability: Float64) -> Float32:
    """Return (T,) hits whose mean is the accuracy, though only the ticks that `SAMPLED` divides were searched.

    A token of more than 1/2 was the likeliest for certain: 1. Of the others those that `is_best` finds at a searched
    tick count for all of their kind. What is learnt may depend on ticks, but never on who asked for what.
    """
    hits = np.empty(len(tick), np.float32)
    _estimate_(tick, is_best, probability, hits)
    return hits


@exact_kernel
def _estimate_(tick: NDArray[np.int64], is_best: NDArray[np.bool_], probability: Float64, hits: Float32) -> None:
    for t in range(len(tick)):
        found = SAMPLED if is_best[t] and tick[t] % SAMPLED == 0 else 0
        hits[t] = 1 if probability[t] > 0.5 else found


class History:
    """Means over the whole life of a net, at most `POINTS` of them: when they are full, each two become one.

    The same tokens make the same history, however they were cut into batches.
    """

    def __init__(self, interval: int = FIRST_INTERVAL, tokens: int = 0, sums: bytes = b"") -> None:
        """Begin, or go on from what `kept` has returned. Raises ValueError for anything else."""
        if interval < 1 or tokens < 0 or len(sums) % 24 or len(sums) // 24 > POINTS:
            raise ValueError("not a history")
        self.sums = np.zeros((POINTS, 3))  # of each interval: tokens, hits, bits
        rows = np.frombuffer(sums).reshape(-1, 3)
        self.sums[: len(rows)] = rows
        self.place = np.array([interval, tokens], np.int64)

    @property
    def interval(self) -> int:
        """Return how many tokens a point is the mean of; the last may have fewer."""
        return int(self.place[0])

    def kept(self) -> tuple[int, int, bytes]:
        """Return a copy of all, as the constructor takes it."""
        interval, tokens = self.place.tolist()
        return interval, tokens, self.sums[: -(-tokens // interval)].tobytes()

    def go_to(self, tokens: int) -> None:
        """Go on after so many tokens of the net's life: later ones are forgotten, earlier ones may be unknown."""
        if tokens == self.place[1]:
            return
        while tokens >= POINTS * self.place[0]:
            self._halve()
        self.sums[tokens // self.place[0] :] = 0
        self.place[1] = tokens

    def update(self, hits: Float32, surprise: Float32) -> None:
        """Add T tokens, as to a `Score`."""
        done = 0
        while (done := _record_(self.sums, self.place, hits, surprise, done)) < len(hits):
            self._halve()

    def _halve(self) -> None:
        half = POINTS // 2
        self.sums[:half] = self.sums[::2] + self.sums[1::2]
        self.sums[half:] = 0
        self.place[0] *= 2


class Witness(Protocol):
    """Whoever wants to see each token as it is scored. What it computes must not depend on how a stream was cut."""

    def see(
        self,
        tick: NDArray[np.int64],
        token: NDArray[np.int32],
        best_probability: Float32,
        is_best: NDArray[np.bool_],
        hits: Float32,
        surprise: Float32,
    ) -> None:
        """See T tokens, with how probable the likeliest was and whether it was this one: at ticks that `SAMPLED`
        divides, elsewhere these two may mean nothing; and what a `Score` was told of them."""
        ...


class Score:
    """Moving averages with exponentially fading weights, and the history that goes on with them.

    Attributes:
        history: of the whole life.
        witness: who sees each token, if anybody does.
    """

    def __init__(self, sums: Float64 | None = None) -> None:
        self.sums = np.zeros(3) if sums is None else sums  # weight, hits, bits
        self.history = History()
        self.witness: Witness | None = None

    @property
    def accuracy(self) -> float | None:
        """Return the share of tokens that were predicted; None before the first. An estimate is cut at 1."""
        weight, hits, _ = self.sums.tolist()
        return min(1.0, hits / weight) if weight else None

    @property
    def surprise(self) -> float | None:
        """Return the mean surprise in bits a token; None before the first."""
        weight, _, bits = self.sums.tolist()
        return bits / weight if weight else None

    def update(self, hits: Float32, surprise: Float32) -> None:
        """Add T tokens: 1 for each that was predicted (`estimated_hits` has others), and its surprise in bits."""
        _update_(self.sums, hits, surprise)
        self.history.update(hits, surprise)


@kernel
def _update_(sums: Float64, hits: Float32, surprise: Float32) -> None:
    # One after the other, so that the figures do not depend on how a stream was cut into batches.
    keep = 1.0 - 1.0 / HORIZON
    for t in range(len(hits)):
        sums[0] = keep * sums[0] + 1.0
        sums[1] = keep * sums[1] + hits[t]
        sums[2] = keep * sums[2] + surprise[t]


@exact_kernel
def _record_(sums: Float64, place: NDArray[np.int64], hits: Float32, surprise: Float32, first: int) -> int:
    # Until they are full: returns how many tokens have been added. In the stated order, for the same reason.
    for t in range(first, len(hits)):
        point = place[1] // place[0]
        if point == len(sums):
            return t
        sums[point, 0] += 1.0
        sums[point, 1] += hits[t]
        sums[point, 2] += surprise[t]
        place[1] += 1
    return len(hits)
