"""Step 7 for `cpu_events.py`: all weights to [-2, 2], exactly, at every tick, without looking at all of them.

The extremes of U are known from those of every row and of every block of rows, renewed only where something has learnt.
"""

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import kernel, maximum, minimum
from realnet.core.state import HIGH, LOW, Float32, Float64

Indices = NDArray[np.int32]
Mask = NDArray[np.bool_]

BLOCK = 64  # rows that share one pair of extremes


@kernel
def _measure_row_(row: Float32, alive: Mask, extremes: Float32) -> None:
    """Lowest and highest of a part of a row; inf and -inf where nothing lives."""
    low, high = np.float32(np.inf), np.float32(-np.inf)
    if alive.size == 0:
        for j in range(len(row)):
            low, high = minimum(low, row[j]), maximum(high, row[j])
    else:
        for j in range(len(row)):
            if alive[j]:
                low, high = minimum(low, row[j]), maximum(high, row[j])
    extremes[0], extremes[1] = low, high


@kernel
def _measure_block_(row_extremes: Float32, block_extremes: Float32, block: int) -> None:
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for i in range(block * BLOCK, min((block + 1) * BLOCK, len(row_extremes))):
        low = minimum(low, minimum(row_extremes[i, 0], row_extremes[i, 2]))
        high = maximum(high, maximum(row_extremes[i, 1], row_extremes[i, 3]))
    block_extremes[0, block], block_extremes[1, block] = low, high


@kernel
def measure_all_(U: Float32, alive: Mask, hidden: int, row_extremes: Float32, block_extremes: Float32) -> None:
    for i in range(len(U)):
        _measure_row_(U[i, :hidden], alive[i, :hidden], row_extremes[i, :2])
        _measure_row_(U[i, hidden:], alive[i, hidden:], row_extremes[i, 2:])
    for block in range(block_extremes.shape[1]):
        _measure_block_(row_extremes, block_extremes, block)


@kernel
def renew_(
    U: Float32,
    alive: Mask,
    row_extremes: Float32,
    block_extremes: Float32,
    index: Indices,
    count: int,
    begin: int,
    end: int,
    place: int,
) -> None:
    """After the columns `begin` to `end` of these rows have learnt: the dead stay 0, extremes are measured again."""
    for k in range(count if end > begin else 0):
        i = index[k]
        row, living = U[i, begin:end], alive[i, begin:end]
        if alive.size:
            for j in range(len(row)):
                if not living[j]:
                    row[j] = 0.0
        _measure_row_(row, living, row_extremes[i, place : place + 2])
        if k + 1 == count or index[k + 1] // BLOCK != i // BLOCK:
            _measure_block_(row_extremes, block_extremes, i // BLOCK)


@kernel
def normalise_(
    U: Float32, scale: Float64, alive: Mask, row_extremes: Float32, block_extremes: Float32, hidden: int
) -> None:
    """Step 7: the map that takes the extremes of all living weights to -2 and 2, composed into a and b."""
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for block in range(block_extremes.shape[1]):
        low, high = minimum(low, block_extremes[0, block]), maximum(high, block_extremes[1, block])
    lowest = min(scale[2], scale[0] * low + scale[1])
    highest = max(scale[3], scale[0] * high + scale[1])
    if (lowest == LOW and highest == HIGH) or not highest > lowest:
        return
    factor = (HIGH - LOW) / (highest - lowest)
    scale[0] *= factor
    for k in range(1, 4):
        scale[k] = LOW + (scale[k] - lowest) * factor
    if not 0.5 <= scale[0] <= 2.0:  # too few bits would be left in U
        a, b = np.float32(scale[0]), np.float32(scale[1])
        for i in range(len(U)):
            for j in range(U.shape[1]):
                if alive.size == 0 or alive[i, j]:
                    U[i, j] = a * U[i, j] + b
        scale[0], scale[1] = 1.0, 0.0
        measure_all_(U, alive, hidden, row_extremes, block_extremes)
