"""Two nets' opinions of the same decisions, mixed to one: by a gain for each net, which learns at every answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, exact_kernel
from realnet.core.state import Float64
from realnet.kernels.tree_decide import is_certain, node_row

_FALLING, _LEAST = 0.1, 0.002  # of the gains' rate, which falls with the square root of a row's uses
_EDGE = 11.9


@exact_inlined_kernel
def _together(gains: Float64, row: np.uint64, own: float, other: float) -> float:
    """Return what both say, before it is squashed: the gains of all decisions and those of this one."""
    z = (
        0.4 * (gains[0, 0] + gains[row, 0])
        + own * (gains[0, 1] + gains[row, 1])
        + other * (gains[0, 2] + gains[row, 2])
    )
    clipped: float = min(max(z, -_EDGE), _EDGE)
    return clipped


@exact_inlined_kernel
def _learn_row_(
    gains: Float64, uses: NDArray[np.int64], row: np.uint64, surprise: float, own: float, other: float
) -> None:
    amount = surprise * (_LEAST + _FALLING / np.sqrt(1.0 + uses[row]))
    uses[row] += 1
    gains[row, 0] += 0.4 * amount
    gains[row, 1] += own * amount
    gains[row, 2] += other * amount


@exact_kernel
def mix_(
    symbols: int,
    depth: int,
    tokens: NDArray[np.int32],
    own: Float64,
    other: Float64,
    gains: Float64,
    uses: NDArray[np.int64],
    probability: Float64,
) -> None:
    """Write how probable both together made each of T tokens, and then learn it.

    `own` and `other` are (T, depth) what each net said of the token's decisions, stretched; `gains` are (1 + rows, 3)
    of 0.4, `own` and `other`, first of all decisions, then of those of each row; `uses` (1 + rows,).
    """
    for t in range(len(tokens)):
        symbol, node, product = np.int64(tokens[t]), np.int64(1), 1.0
        for bit in range(depth):
            answer = int(symbol >> (depth - 1 - bit) & 1)
            if not is_certain(node, bit, depth, symbols):
                row, a, b = np.int64(1 + node_row(node)), own[t, bit], other[t, bit]
                p = 1.0 / (1.0 + np.exp(-_together(gains, row, a, b)))
                product *= p if answer else 1.0 - p
                for each in (np.int64(0), row):
                    _learn_row_(gains, uses, each, answer - p, a, b)
            node = 2 * node + answer
        probability[t] = product


@exact_kernel
def mix_all_(
    symbols: int, depth: int, own: Float64, other: Float64, gains: Float64, temperature: float, probability: Float64
) -> None:
    """Write how probable both together make each symbol; `own` and `other` are (2^depth,) of all decisions, by node.

    Each decision is sharpened by 1 / temperature.
    """
    reached = np.zeros(2 << depth)
    reached[1] = 1.0
    for bit in range(depth):
        for node in range(np.int64(1) << bit, np.int64(2) << bit):
            one = 0.0
            if not is_certain(node, bit, depth, symbols):
                z = _together(gains, np.int64(1 + node_row(node)), own[node], other[node])
                one = 1.0 / (1.0 + np.exp(-z / temperature))
            reached[2 * node], reached[2 * node + 1] = reached[node] * (1.0 - one), reached[node] * one
    probability[:] = reached[1 << depth : (1 << depth) + symbols]
