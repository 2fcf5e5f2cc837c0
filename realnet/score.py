"""How well a learner predicts, prequentially: each token is scored before it is learnt from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import kernel
from realnet.core.state import Float32, Float64

HORIZON = 1000  # tokens that a moving figure looks back on
SAMPLED = 16  # of so many ticks one is searched for the likeliest token where that costs a search


def estimated_hits(tick: NDArray[np.int64], is_best: NDArray[np.bool_], probability: Float64) -> Float32:
    """Return (T,) hits whose mean is the accuracy, though only the ticks that `SAMPLED` divides were searched.

    A token of more than 1/2 was the likeliest for certain: 1. Of the others those that `is_best` finds at a searched
    tick count for all of their kind. What is learnt may depend on ticks, but never on who asked for what.
    """
    found = np.where(is_best & (tick % SAMPLED == 0), np.float32(SAMPLED), np.float32(0))
    return np.where(probability > 0.5, np.float32(1), found)


class Score:
    """Moving averages with exponentially fading weights."""

    def __init__(self, sums: Float64 | None = None) -> None:
        self.sums = np.zeros(3) if sums is None else sums  # weight, hits, bits

    @property
    def accuracy(self) -> float | None:
        """Return the share of tokens that were predicted; None before the first. An estimate is cut at 1."""
        return min(1.0, float(self.sums[1] / self.sums[0])) if self.sums[0] else None

    @property
    def surprise(self) -> float | None:
        """Return the mean surprise in bits a token; None before the first."""
        return float(self.sums[2] / self.sums[0]) if self.sums[0] else None

    def update(self, hits: Float32, surprise: Float32) -> None:
        """Add T tokens: 1 for each that was predicted (`estimated_hits` has others), and its surprise in bits."""
        _update_(self.sums, hits, surprise)


@kernel
def _update_(sums: Float64, hits: Float32, surprise: Float32) -> None:
    # One after the other, so that the figures do not depend on how a stream was cut into batches.
    keep = 1.0 - 1.0 / HORIZON
    for t in range(len(hits)):
        sums[0] = keep * sums[0] + 1.0
        sums[1] = keep * sums[1] + hits[t]
        sums[2] = keep * sums[2] + surprise[t]
