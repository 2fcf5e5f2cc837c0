"""`literal` on the CPU: one read and one write of the matrix per tick.

W = a U + b. With v known before the matrix is touched, one pass over U learns (step 7), finds the new extremes (step 8,
which then changes a and b alone) and already collects for the next tick (step 1):

    t_ij = a x_i U_ij + x_i (1 + b) - v_j          = x_i - (v_j - x_i W_ij)
    U'_ij = U_ij - (2 eta / a) |t_ij|              W' = a U' + b + eta
    collected_j = sum_i v_i U'_ij

Rows are worked off in blocks of a fixed size, whose sums and extremes are joined in a fixed order: the bits do not
depend on the number of threads.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import IS_PLAIN, inlined_kernel, kernel, maximum, minimum, parallel_kernel
from realnet.core.state import HIGH, LOW, Float32, Float64, Params, ShortTerm, State
from realnet.kernels.sparse_frames import SparseFrames

if not IS_PLAIN:
    import numba

Mask = NDArray[np.bool_]

BLOCK = 64  # rows


class CpuDense:
    """A net of the preset `literal`."""

    name = "cpu"

    def __init__(self, params: Params, state: State, threads: int = 1) -> None:
        self._params = params
        self._state = state
        self._shape = (params.n_in, params.n_out)
        self._threads = threads
        self._collects_afresh = False
        self._alive = np.ones((len(state.U), 0), np.bool_) if state.alive is None else state.alive

    def run(self, frames: SparseFrames, teachers: Float32 | None, rate: float) -> Float32:
        """Frames, teachers (T, n_out) with NaN rows where there is none -> the outputs (T, n_out) of step 5."""
        state = self._state
        outputs = np.empty((len(frames), self._shape[1]), np.float32)
        if teachers is None:
            teachers = np.empty((0, 0), np.float32)
        self._trust_collected()
        arguments = (
            *(state.U, state.scale, self._alive, state.x, state.x_before, state.collected),
            *(frames.offsets, frames.index, frames.value, teachers, rate, self._shape, outputs),
        )
        if self._threads > 1:
            numba.set_num_threads(self._threads)
            _run_parallel_(*arguments)
        else:
            _run_serial_(*arguments)
        return outputs

    def respond(self) -> Float32:
        """(n_out,): what the outputs say at the next tick if its frame is all zeros. Changes nothing."""
        self._trust_collected()
        v = np.empty(len(self._state.x), np.float32)
        nothing = np.empty(0, np.int32), np.empty(0, np.float32)
        _fire_(self._state.scale, self._state.collected, v, self._shape[0], 0, 0, *nothing)
        return v[len(v) - self._shape[1] :]

    def fork(self) -> CpuDense:
        fork = CpuDense(self._params, self._state.fork(), self._threads)
        fork._collects_afresh = True
        return fork

    def _trust_collected(self) -> None:
        """What a fork collected is stale as soon as the net that owns the matrix has learnt."""
        if self._collects_afresh:
            _collect_(self._state.U, self._alive, self._state.x, self._state.collected)

    def swap(self, mind: ShortTerm) -> ShortTerm:
        state = self._state
        before = {"collected": state.collected.copy(), **state.swap(mind)}
        if "collected" in mind:
            state.collected[:] = mind["collected"]
        else:
            _collect_(state.U, self._alive, state.x, state.collected)
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
    offsets: NDArray[np.int64],
    frame_index: NDArray[np.int32],
    frame_value: Float32,
    teachers: Float32,
    rate: float,
    shape: tuple[int, int],
    outputs: Float32,
) -> None:
    n, n_out = len(U), shape[1]
    blocks = (n + BLOCK - 1) // BLOCK
    sums = np.empty((blocks, 2, n), np.float32)
    extremes = np.empty((blocks, 2), np.float32)
    v = np.empty(n, np.float32)
    for t in range(len(offsets) - 1):
        _fire_(scale, collected, v, shape[0], offsets[t], offsets[t + 1], frame_index, frame_value)
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
            for block in numba.prange(blocks):
                _learn_block_(U, alive, block, x, v, (a, b, keep, shift, amount), sums[block], extremes[block])
            collected[:] = 0.0
            low, high = extremes[0, 0], extremes[0, 1]
            for block in range(blocks):
                collected += sums[block]
                low, high = min(low, extremes[block, 0]), max(high, extremes[block, 1])
            lowest, highest = scale[0] * low + scale[1], scale[0] * high + scale[1]
            if highest > lowest:
                factor = (HIGH - LOW) / (highest - lowest)
                scale[0] *= factor
                scale[1] = LOW + (scale[1] - lowest) * factor
        else:
            _collect_(U, alive, v, collected)
        x_before[:] = x
        x[:] = v


_run_serial_ = kernel(_run_)
_run_parallel_ = parallel_kernel(_run_)


@kernel
def _fire_(
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
    low, high = np.float32(np.inf), np.float32(0.0)
    v[:n_in] = 0.0
    for k in range(begin, end):
        v[frame_index[k]] = frame_value[k]
    for j in range(len(v)):
        if j >= n_in:
            v[j] = max(np.float32(0.0), a * collected[0, j] + b * collected[1, j])
        low, high = min(low, v[j]), max(high, v[j])
    for j in range(n_in, len(v)):
        v[j] = (v[j] - low) / (high - low) if high > low else np.float32(0.0)


@inlined_kernel
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
    a, b, keep, shift, amount = numbers
    p, q, g = np.float32(keep), np.float32(shift), np.float32(amount)
    low, high = np.float32(np.inf), np.float32(-np.inf)
    sums[:] = 0.0
    total = np.float32(0.0)
    for i in range(block * BLOCK, min((block + 1) * BLOCK, len(U))):
        row, living, v_i = U[i], alive[i], v[i]
        own, offset = np.float32(a * x[i]), np.float32(x[i] * (1.0 + b))
        collected = sums[0]
        if alive.size == 0:
            total += v_i
            for j in range(len(row)):
                u = p * row[j] + q - g * abs(own * row[j] + (offset - v[j]))
                row[j] = u
                collected[j] += v_i * u
                low, high = minimum(low, u), maximum(high, u)
        else:
            for j in range(len(row)):
                if living[j]:
                    u = p * row[j] + q - g * abs(own * row[j] + (offset - v[j]))
                    row[j] = u
                    collected[j] += v_i * u
                    sums[1, j] += v_i
                    low, high = minimum(low, u), maximum(high, u)
    if alive.size == 0:
        sums[1] = total
    extremes[0], extremes[1] = low, high


@kernel
def _collect_(U: Float32, alive: Mask, x: Float32, collected: Float32) -> None:
    """`collected[0] = U^T x` and `collected[1]` = the sum of x, both over living synapses."""
    collected[:] = 0.0
    for i in range(len(U)):
        if x[i] != 0:
            collected[0] += x[i] * U[i]  # dead synapses are 0 in U
            if alive.size == 0:
                collected[1] += x[i]
            else:
                for j in range(len(x)):
                    if alive[i, j]:
                        collected[1, j] += x[i]
