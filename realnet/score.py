"""How well a learner predicts, prequentially: each token is scored before it is learnt from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import kernel
from realnet.core.state import Float32, Float64

HORIZON = 1000  # tokens that a moving figure looks back on


class Score:
    """Moving averages with exponentially fading weights."""

    def __init__(self, sums: Float64 | None = None) -> None:
        self.sums = np.zeros(3) if sums is None else sums  # weight, hits, bits

    @property
    def accuracy(self) -> float | None:
        """Return the share of tokens that were predicted; None before the first."""
        return float(self.sums[1] / self.sums[0]) if self.sums[0] else None

    @property
    def surprise(self) -> float | None:
        """Return the mean surprise in bits a token; None before the first."""
        return float(self.sums[2] / self.sums[0]) if self.sums[0] else None

    def update(self, hits: NDArray[np.bool_], surprise: Float32) -> None:
        """Add T tokens: whether each was predicted, and its surprise in bits."""
        _update_(self.sums, hits, surprise)


@kernel
def _update_(sums: Float64, hits: NDArray[np.bool_], surprise: Float32) -> None:
    # One after the other, so that the figures do not depend on how a stream was cut into batches.
    keep = 1.0 - 1.0 / HORIZON
    for t in range(len(hits)):
        sums[0] = keep * sums[0] + 1.0
        sums[1] = keep * sums[1] + (1.0 if hits[t] else 0.0)
        sums[2] = keep * sums[2] + surprise[t]
