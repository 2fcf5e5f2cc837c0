"""The rows of gains: all that there are, or, of a child, those alone that its parent or itself has used.

A child's first rows are as at birth, one a gate, and stand for all rows of it that were never used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, optional
from realnet.core.dendrite_memory import Memory
from realnet.core.state import Float32

u64 = np.uint64
_at, _taken = optional("gain_at"), optional("gains_taken")


@exact_inlined_kernel
def row_of_gains(memory: Memory, asked: NDArray[np.uint64], g: int, row: np.uint64) -> np.uint64:
    """Return where the row that gate `g` chooses of all rows stands in `memory.gains`."""
    there: np.uint64 = _row(_at(memory), asked, g, row)
    return there


@exact_inlined_kernel
def _row(at: NDArray[np.uint16] | None, asked: NDArray[np.uint64], g: int, row: np.uint64) -> np.uint64:
    if at is None:
        return row
    asked[g] = row
    there: np.uint64 = u64(at[row])
    return there


@exact_inlined_kernel
def row_to_adapt(memory: Memory, asked: NDArray[np.uint64], g: int, row: np.uint64) -> np.uint64:
    """Return which row learns what one is told: one that was never used takes a place, as long as there is one."""
    there: np.uint64 = _row_to_adapt(memory.gains, memory.gain_uses, _at(memory), _taken(memory), asked, g, row)
    return there


@exact_inlined_kernel
def _row_to_adapt(
    gains: Float32,
    uses: NDArray[np.uint16],
    at: NDArray[np.uint16] | None,
    taken: NDArray[np.int64] | None,
    asked: NDArray[np.uint64],
    g: int,
    row: np.uint64,
) -> np.uint64:
    if at is None or taken is None:
        return row
    if row >= u64(len(asked)) or taken[0] >= len(uses):
        return row
    there, columns = u64(taken[0]), u64(len(gains) // len(uses))
    taken[0] += 1
    at[asked[g]] = np.uint16(there)
    uses[there] = uses[row]
    for column in range(columns):
        gains[there * columns + column] = gains[row * columns + column]
    return there
