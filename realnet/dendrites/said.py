"""What a net of dendrites says of its ticks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core.state import Float32, Float64


class Said(NamedTuple):
    """What was said of T tokens, each before it was learnt; rows of `best` and `value` that were not searched are 0."""

    probability: Float64  # (T,)
    best: NDArray[np.int32]  # (T + 1, k) the likeliest tokens, best first; the last row is of the one to come
    value: Float32  # (T + 1, k) how probable they are
    decided: Float32  # (T, D) how probable a 1 was at each decision; (T, 0) where nobody asks

    @classmethod
    def blank(cls, ticks: int, best: int, decisions: int = 0) -> Said:
        """Return room for what is said of so many tokens, with the `best` likeliest and the `decisions` of each."""
        rows = ticks + 1, best
        decided = np.full((ticks, decisions), 0.5, np.float32)
        return cls(np.empty(ticks), np.zeros(rows, np.int32), np.zeros(rows, np.float32), decided)
