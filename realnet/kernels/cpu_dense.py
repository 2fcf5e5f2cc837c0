"""`literal` on the CPU: one read and one write of the matrix per tick.

W = a U + b. With v known before the matrix is touched, one pass over U learns (step 7), finds the new extremes (step 8,
which then changes a and b alone) and already collects for the next tick (step 1):

    t_ij = a x_i U_ij + x_i (1 + b) - v_j          = x_i - (v_j - x_i W_ij)
    U'_ij = U_ij - (2 eta / a) |t_ij|              W' = a U' + b + eta
    collected_j = sum_i v_i U'_ij

Rows are worked off in blocks of a fixed size, whose sums and extremes are joined in a fixed order: the bits do not
depend on the number of threads. `dense_rows.py` says how those of a block are learnt.

In here the rows of the matrix are padded to whole vectors; what is past the end is read, and never counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, exact_kernel, kernel, maximum, minimum, parallel_kernel
from realnet.core.state import HIGH, LOW, Float32, Float64, Params, ShortTerm, State
from realnet.kernels.dense_rows import BLOCK, LANES, ROWS, learn_row_, learn_rows_
from realnet.kernels.sparse_frames import SparseFrames
from realnet.kernels.together import Together

Mask = NDArray[np.bool_]


class CpuDense:
    """A net of the preset `literal`."""

    name = "cpu"

    def __init__(self, params: Params, state: State, threads: int = 1) -> None:
        self._params = params
        self._state = state
        self._shape = (params.n_in, params.n_out)
        self._collects_afresh = False
        n = params.num_neurons
        self._matrix = _padded(state.U)
        state.U = self._matrix[:, :n]
        if state.alive is None:
            self._alive = np.ones((n, 0), np.bool_)
        else:
            self._alive = _padded(state.alive)
            state.alive = self._alive[:, :n]
        self.use_threads(threads)

    def use_threads(self, threads: int) -> None:
        """Learn on so many threads from now on; the bits stay the same."""
        blocks, width = -(-len(self._matrix) // BLOCK), self._matrix.shape[1]
        self._threads = threads
        self._v = aligned((width,), np.float32)
        self._sums = aligned((blocks if threads > 1 else 1, 2, width), np.float32)  # of the blocks that run at once
        self._extremes = aligned((blocks, 2, LANES), np.float32)

    def run(self, frames: SparseFrames, teachers: Float32 | None, rate: float) -> Float32:
        """Frames, teachers (T, n_out) with NaN rows where there is none -> the outputs (T, n_out) of step 5."""
        state = self._state
        outputs = np.empty((len(frames), self._shape[1]), np.float32)
        if teachers is None:
            teachers = np.empty((0, 0), np.float32)
        self._trust_collected()
        arguments = (
            *(self._matrix, state.scale, self._alive, state.x, state.x_before, state.collected),
            *(self._v, self._sums, self._extremes),
            *(frames.offsets, frames.index, frames.value, teachers, rate, self._shape, outputs),
        )
        if self._threads > 1:
            numba.set_num_threads(min(self._threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
            _run_parallel_(*arguments)
        else:
            _run_serial_(*arguments)
        return outputs

    def run_together(
        self,
        minds: Sequence[ShortTerm],
        frames: Sequence[SparseFrames],
        teachers: Sequence[Float32 | None],
        rates: Sequence[float],
    ) -> Together:
        """See `LivesTogether`."""
        from realnet.kernels.dense_together import run_together  # is compiled where there are sessions

        given = minds, frames, teachers, rates
        return run_together(self._matrix, self._alive, self._state, self._shape, self._threads, *given)

    def respond(self) -> Float32:
        """(n_out,): what the outputs say at the next tick if its frame is all zeros. Changes nothing."""
        self._trust_collected()
        v = np.empty_like(self._state.x)
        nothing = np.empty(0, np.int32), np.empty(0, np.float32)
        fire_(self._state.scale, self._state.collected, v, self._shape[0], 0, 0, *nothing)
        return v[len(v) - self._shape[1] :]

    def fork(self) -> CpuDense:
        fork = copy(self)
        fork._state = self._state.fork()
        fork.use_threads(1)  # with buffers of its own; it learns nothing
        fork._collects_afresh = True
        return fork

    def _trust_collected(self) -> None:
        """What a fork collected is stale as soon as the net that owns the matrix has learnt."""
        if self._collects_afresh:
            collect_(self._matrix, self._alive, self._state.x, self._state.collected)

    def swap(self, mind: ShortTerm) -> ShortTerm:
        state = self._state
        before = {"collected": state.collected.copy(), **state.swap(mind)}
        if "collected" in mind:
            state.collected[:] = mind["collected"]
        else:
            collect_(self._matrix, self._alive, state.x, state.collected)
        return before

    def activity(self) -> Float32:
        return self._state.x.copy()

    def snapshot(self) -> State:
        return self._state.copy()


def _run_(
    U: Float32,
    scale: Float64,
    alive: Mask,
    x: Float32,
    x_before: Float32,
    collected: Float32,
    padded_v: Float32,
    sums: Float32,
    extremes: Float32,
    offsets: NDArray[np.int64],
    frame_index: NDArray[np.int32],
    frame_value: Float32,
    teachers: Float32,
    rate: float,
    shape: tuple[int, int],
    outputs: Float32,
) -> None:
    n, n_out = len(U), shape[1]
    v = padded_v[:n]
    for t in range(len(offsets) - 1):
        fire_(scale, collected, v, shape[0], offsets[t], offsets[t + 1], frame_index, frame_value)
        outputs[t] = v[n - n_out :]
        if len(teachers) > 0 and not np.isnan(teachers[t, 0]):
            v[n - n_out :] = teachers[t]
        if not (v.any() or x.any()):
            collected[:] = 0.0  # silence: step 8 undoes step 7, a uniform shift, exactly
        elif rate > 0:
            a, b = scale[0], scale[1]
            folds = not 0.6 <= a <= 1.7 or abs(b) > 1.0  # write W itself, or too few bits would be left in U
            keep, shift, amount = (a, b + rate, 2 * rate) if folds else (1.0, 0.0, 2 * rate / a)
            if folds:
                scale[0], scale[1] = 1.0, 0.0
            else:
                scale[1] += rate
            numbers = (a, b, keep, shift, amount)
            collected[:] = 0.0
            for first in range(0, len(extremes), len(sums)):
                last = min(first + len(sums), len(extremes))
                for block in numba.prange(first, last):
                    _learn_block_(U, alive, block, x, v, numbers, sums[block - first], extremes[block])
                for k in range(last - first):
                    collected[0] += sums[k, 0, :n]
                    if alive.size == 0:
                        collected[1] += sums[k, 1, 0]  # of all columns
                    else:
                        collected[1] += sums[k, 1, :n]
            lowest, highest = scale[0] * extremes[:, 0].min(), scale[0] * extremes[:, 1].max()
            if highest > lowest:
                stretch = (HIGH - LOW) / (highest - lowest)
                scale[0] *= stretch
                scale[1] = LOW - stretch * lowest
        else:
            collect_(U, alive, v, collected)
        x_before[:] = x
        x[:] = v


_run_serial_ = kernel(_run_)
_run_parallel_ = parallel_kernel(_run_)


@kernel
def fire_(
    scale: Float64,
    collected: Float32,
    v: Float32,
    n_in: int,
    begin: int,
    end: int,
    frame_index: NDArray[np.int32],
    frame_value: Float32,
) -> None:
    """Steps 1 to 4, into v."""
    a, b = np.float32(scale[0]), np.float32(scale[1])
    v[:n_in] = 0.0
    for k in range(begin, end):
        v[frame_index[k]] = frame_value[k]
    for j in range(n_in, len(v)):
        v[j] = maximum(np.float32(0.0), a * collected[0, j] + b * collected[1, j])
    low, high = np.float32(np.inf), np.float32(0.0)
    for j in range(len(v)):
        low, high = minimum(low, v[j]), maximum(high, v[j])
    if high > low:
        stretch = np.float32(1.0) / (high - low)
        for j in range(n_in, len(v)):
            v[j] = (v[j] - low) * stretch
    else:
        v[n_in:] = 0.0


@exact_inlined_kernel
def _learn_block_(
    U: Float32,
    alive: Mask,
    block: int,
    x: Float32,
    v: Float32,
    numbers: tuple[float, float, float, float, float],
    sums: Float32,
    extremes: Float32,
) -> None:
    """Learn BLOCK rows, and set what they add to `collected` and their extremes."""
    n = len(x)
    first, last = block * BLOCK, min((block + 1) * BLOCK, n)
    sums[:] = 0.0
    extremes[0], extremes[1] = np.inf, -np.inf
    several = last - (last - first) % ROWS
    for i in range(first, several, ROWS):
        learn_rows_(U, alive, x, v, sums, extremes, i, n, numbers)
    for i in range(several, last):
        learn_row_(U, alive, x, v, sums, extremes, i, n, numbers)


@exact_kernel
def collect_(U: Float32, alive: Mask, x: Float32, collected: Float32) -> None:
    """`collected[0] = U^T x` and `collected[1]` = the sum of x, both over living synapses."""
    n = len(x)
    collect_all_(U, alive, np.zeros(1, np.int64), x.reshape(1, n), collected.reshape(1, 2, n))


@exact_kernel
def collect_all_(U: Float32, alive: Mask, which: NDArray[np.int64], x: Float32, collected: Float32) -> None:
    """Do what `collect_` does for each of several activities (S, N), in one pass over the matrix.

    Several rows are added at once, one after the other: so the sums are read and written less often.
    """
    n, whole = len(U), len(U) - len(U) % 8
    for s in which:
        collected[s] = 0.0
    for i in range(0, n, 8):
        for s in which:
            sums = collected[s, 0]
            if i == whole:
                for k in range(i, n):
                    for j in range(n):
                        sums[j] += x[s, k] * U[k, j]  # dead synapses are 0 in U
            elif x[s, i : i + 8].any():
                x0, x1, x2, x3, x4, x5, x6, x7 = (
                    *(x[s, i], x[s, i + 1], x[s, i + 2], x[s, i + 3]),
                    *(x[s, i + 4], x[s, i + 5], x[s, i + 6], x[s, i + 7]),
                )
                for j in range(n):
                    total = sums[j] + x0 * U[i, j]
                    total += x1 * U[i + 1, j]
                    total += x2 * U[i + 2, j]
                    total += x3 * U[i + 3, j]
                    total += x4 * U[i + 4, j]
                    total += x5 * U[i + 5, j]
                    total += x6 * U[i + 6, j]
                    sums[j] = total + x7 * U[i + 7, j]
    for s in which:
        if alive.size == 0:
            total = np.float32(0.0)
            for i in range(n):
                total += x[s, i]
            collected[s, 1] = total
        else:
            for i in range(n):
                for j in range(n):
                    collected[s, 1, j] += x[s, i] if alive[i, j] else np.float32(0.0)


def _padded(array: NDArray[Any]) -> NDArray[Any]:
    """Copy a matrix to rows of whole lines of the cache, an odd number: else many rows would want the same lines."""
    n = len(array)
    padded = aligned((n, LANES * (-(-n // LANES) | 1)), array.dtype)
    padded[:, :n] = array
    return padded


def aligned(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Make an array of zeros that begins at a line of the cache."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    buffer = np.zeros(size + 64, np.uint8)
    start = -buffer.ctypes.data % 64
    aligned: NDArray[Any] = buffer[start : start + size].view(dtype).reshape(shape)
    return aligned
