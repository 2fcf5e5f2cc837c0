"""The sums of `realnet/kernels/eights.py` in NumPy: the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core.state import Float32


def _fired(gains: Float32, rows: NDArray[np.uint64], first: int, end: int, inputs: Float32) -> np.float32:
    table, gain = gains.reshape(-1, len(inputs)), np.zeros(len(inputs), np.float32)
    for row in rows[first:end]:
        gain += table[row]
    lanes = np.zeros(4, np.float32)
    for four in (gain * inputs).reshape(-1, 4):
        lanes += four
    said: np.float32 = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
    return said


def _learn_row_(gains: Float32, row: int, amount: np.float32, inputs: Float32) -> None:
    gains.reshape(-1, len(inputs))[row] += amount * inputs


fired: Any = _fired
learn_row_: Any = _learn_row_
