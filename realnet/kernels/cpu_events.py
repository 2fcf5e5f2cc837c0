"""`surprise` and `manifesto` on the CPU, event-driven: a token touches the rows that fired and the columns that learn.

The steps are those of `core/ffwf.py: surprise_tick`, in float32. W = a U + b; step 7 (`cpu_range.py`) changes a and b
alone.
One core does it: at some 40 rows of 256 columns a tick, handing work to a second one takes longer than the work.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import kernel
from realnet.core.readout import read_
from realnet.core.state import Float32, Float64, Params, ShortTerm, State
from realnet.kernels.cpu_range import BLOCK, measure_all_, normalise_, renew_
from realnet.kernels.sparse_frames import SparseFrames

Indices = NDArray[np.int32]
Mask = NDArray[np.bool_]
Shape = tuple[int, int, int, int, bool]  # inputs, hidden, outputs, winners, softmax


class CpuEvents:
    """A net of the presets `surprise` or `manifesto`."""

    name = "cpu"

    def __init__(self, params: Params, state: State, extremes: tuple[Float32, Float32] | None = None) -> None:
        self._params = params
        self._state = state
        self._numbers = np.array(
            [
                *(params.kappa, params.beta, params.hidden_ratio),
                *(params.hidden_kappa, params.margin_slope, params.threshold_rate),
            ]
        )
        self._shape: Shape = (
            params.n_in,
            params.n_hidden,
            params.n_out,
            params.winners,
            params.readout == "softmax",
        )
        self._alive = np.ones((len(state.U), 0), np.bool_) if state.alive is None else state.alive
        if extremes is None:
            blocks = -(-len(state.U) // BLOCK)
            extremes = (np.empty((len(state.U), 4), np.float32), np.empty((2, blocks), np.float32))
            measure_all_(state.U, self._alive, params.n_hidden, *extremes)
        self._extremes = extremes

    def run(self, frames: SparseFrames, teachers: Float32 | None, rate: float) -> Float32:
        """Frames, teachers (T, n_out) with NaN rows where there is none -> the predictions (T, n_out)."""
        state = self._state
        outputs = np.empty((len(frames), self._shape[2]), np.float32)
        if teachers is None:
            teachers = np.empty((0, 0), np.float32)
        _run_(
            state.U,
            state.scale,
            self._alive,
            *self._extremes,
            state.x,
            state.x_before,
            state.margins,
            state.thresholds,
            frames.offsets,
            frames.index,
            frames.value,
            teachers,
            rate,
            self._numbers,
            self._shape,
            outputs,
        )
        return outputs

    def respond(self) -> Float32:
        """(n_out,): what the outputs will say at the next tick, whatever its frame. Changes nothing."""
        state, prediction = self._state, np.empty(self._shape[2], np.float32)
        _respond_(state.U, state.scale, self._alive, state.x, self._numbers, self._shape, prediction)
        return prediction

    def fork(self) -> CpuEvents:
        return CpuEvents(self._params, self._state.fork(), self._extremes)

    def swap(self, mind: ShortTerm) -> ShortTerm:
        return self._state.swap(mind)

    def activity(self) -> Float32:
        return self._state.x.copy()

    def snapshot(self) -> State:
        return self._state.copy()


@kernel
def _run_(
    U: Float32,
    scale: Float64,
    alive: Mask,
    row_extremes: Float32,
    block_extremes: Float32,
    x: Float32,
    x_before: Float32,
    margins: Float32,
    thresholds: Float32,
    offsets: NDArray[np.int64],
    frame_index: Indices,
    frame_value: Float32,
    teachers: Float32,
    rate: float,
    numbers: Float64,
    shape: Shape,
    outputs: Float32,
) -> None:
    n_in, hidden, n_out, winners, softmax = shape
    kappa, beta, hidden_ratio, hidden_kappa, margin_slope, threshold_rate = numbers
    n = len(U)
    # Three lists of who fired and how strongly: at the tick before, now, and next.
    before_index, before_value = np.empty(n, np.int32), np.empty(n, np.float32)
    index, value = np.empty(n, np.int32), np.empty(n, np.float32)
    next_index, next_value = np.empty(n, np.int32), np.empty(n, np.float32)
    before_count = _fired_(x_before, before_index, before_value)
    count = _fired_(x, index, value)
    sums = np.empty(hidden + n_out, np.float32)
    error = np.empty(n_out, np.float32)
    gain = np.empty(n_out, np.float32)
    felt, wished = np.empty(hidden, np.float32), np.empty(hidden, np.float32)
    z = np.empty(hidden, np.float32)

    for t in range(len(offsets) - 1):
        activity = _collect_(U, scale, alive, index, value, count, sums)
        prediction = outputs[t]
        read_(sums[hidden:], beta, softmax, prediction)
        taught = len(teachers) > 0 and not np.isnan(teachers[t, 0])
        learns = taught and activity > 0 and rate > 0

        if learns:
            a, b = scale[0], scale[1]
            teacher = teachers[t]
            for j in range(n_out):
                error[j] = teacher[j] - prediction[j]
            if hidden > 0:  # with W as it was before the outputs' synapses learn
                _feel_(U, scale, alive, error, felt)
                for j in range(hidden):
                    near = max(np.float32(0.0), np.float32(1.0 - margin_slope * abs(margins[j])))
                    wished[j] = np.float32(1.0) if felt[j] > 0 else np.float32(0.0)
                    felt[j] = np.float32(rate * hidden_ratio / a) * abs(felt[j]) * near
            eta = np.float32(rate / (beta * activity) / a)
            for j in range(n_out):
                gain[j] = eta * abs(error[j]) if softmax else eta
            for k in range(count):
                row = U[index[k]]
                if softmax:
                    _learn_row_(row[hidden:], value[k], gain, teacher, a, b, kappa)
                else:
                    _contrast_row_(row[hidden:], value[k], gain, teacher, prediction, a, b, kappa)
            for k in range(before_count if hidden > 0 else 0):
                _learn_row_(U[before_index[k], :hidden], before_value[k], felt, wished, a, b, hidden_kappa)
            renew_(U, alive, row_extremes, block_extremes, index, count, hidden, hidden + n_out, 2)
            renew_(U, alive, row_extremes, block_extremes, before_index, before_count, 0, hidden, 0)
            normalise_(U, scale, alive, row_extremes, block_extremes, hidden)

        next_count = 0
        for k in range(offsets[t], offsets[t + 1]):
            next_index[next_count], next_value[next_count] = frame_index[k], frame_value[k]
            next_count += 1
        if hidden > 0:
            if activity > 0:
                for j in range(hidden):
                    z[j] = sums[j] - thresholds[j]
                next_count = _compete_(z, winners, n_in, margins, next_index, next_value, next_count)
            else:
                margins[:] = 0.0
            if learns:
                for j in range(hidden):
                    thresholds[j] += np.float32(threshold_rate) * (sums[j] - thresholds[j])
        if taught:
            for j in range(n_out):
                if teachers[t, j] > 0:
                    next_index[next_count], next_value[next_count] = n_in + hidden + j, teachers[t, j]
                    next_count += 1

        before_index, index, next_index = index, next_index, before_index
        before_value, value, next_value = value, next_value, before_value
        before_count, count = count, next_count

    for state, who, how, number in (
        (x_before, before_index, before_value, before_count),
        (x, index, value, count),
    ):
        state[:] = 0.0
        for k in range(number):
            state[who[k]] = how[k]


@kernel
def _respond_(
    U: Float32, scale: Float64, alive: Mask, x: Float32, numbers: Float64, shape: Shape, prediction: Float32
) -> None:
    index, value = np.empty(len(x), np.int32), np.empty(len(x), np.float32)
    sums = np.empty(U.shape[1], np.float32)
    _collect_(U, scale, alive, index, value, _fired_(x, index, value), sums)
    read_(sums[shape[1] :], numbers[1], shape[4], prediction)


@kernel
def _fired_(x: Float32, index: Indices, value: Float32) -> int:
    count = 0
    for i in range(len(x)):
        if x[i] != 0:
            index[count], value[count] = i, x[i]
            count += 1
    return count


@kernel
def _collect_(
    U: Float32, scale: Float64, alive: Mask, index: Indices, value: Float32, count: int, sums: Float32
) -> float:
    """Step 1, `sums = W^T x` of the stored columns; returns the sum of x."""
    a, b = np.float32(scale[0]), np.float32(scale[1])
    total = np.float32(0.0)
    sums[:] = 0.0
    for k in range(count):
        row, amount = U[index[k]], value[k]
        total += amount
        for j in range(len(sums)):
            sums[j] += amount * row[j]
    for j in range(len(sums)):
        sums[j] *= a
    if alive.size == 0:
        for j in range(len(sums)):
            sums[j] += b * total
    else:
        for k in range(count):
            for j in range(len(sums)):
                if alive[index[k], j]:
                    sums[j] += b * value[k]
    return float(total)


@kernel
def _compete_(
    z: Float32, winners: int, first: int, margins: Float32, next_index: Indices, next_value: Float32, count: int
) -> int:
    """Step 3: the highest `winners` of z fire, ties by the lowest index."""
    threshold = np.partition(z, len(z) - winners)[len(z) - winners]
    ties = winners
    for j in range(len(z)):
        margins[j] = z[j] - threshold
        if z[j] > threshold:
            ties -= 1
    for j in range(len(z)):
        if z[j] > threshold or (z[j] == threshold and ties > 0):
            if z[j] == threshold:
                ties -= 1
            next_index[count], next_value[count] = first + j, 1.0
            count += 1
    return count


@kernel
def _feel_(U: Float32, scale: Float64, alive: Mask, error: Float32, felt: Float32) -> None:
    """The outputs' surprise as hidden neurons feel it, through the outputs' own synapses: f_j = sum_k W_kj e_k."""
    a, b = np.float32(scale[0]), np.float32(scale[1])
    first = len(U) - len(error)
    felt[:] = 0.0
    for k in range(len(error)):
        row, amount = U[first + k], a * error[k]
        for j in range(len(felt)):
            felt[j] += amount * row[j]
        offset = b * error[k]
        if alive.size == 0:
            for j in range(len(felt)):
                felt[j] += offset
        else:
            for j in range(len(felt)):
                if alive[first + k, j]:
                    felt[j] += offset


@kernel
def _learn_row_(row: Float32, source: float, gain: Float32, target: Float32, a: float, b: float, kappa: float) -> None:
    """Step 6 for one source: U += gain x (1 - 2 |x - (target - kappa x W)|), the gain divided by a before."""
    own = np.float32(kappa * source * a)
    offset = np.float32(source + kappa * source * b)
    x, one, two = np.float32(source), np.float32(1.0), np.float32(2.0)
    for j in range(len(gain)):
        row[j] += gain[j] * x * (one - two * abs(offset - target[j] + own * row[j]))


@kernel
def _contrast_row_(
    row: Float32,
    source: float,
    gain: Float32,
    target: Float32,
    prediction: Float32,
    a: float,
    b: float,
    kappa: float,
) -> None:
    """The same for graded teachers: FFWF towards what was forced, against what it would have been."""
    own = np.float32(kappa * source * a)
    offset = np.float32(source + kappa * source * b)
    x = np.float32(source)
    for j in range(len(gain)):
        base = offset + own * row[j]
        row[j] += gain[j] * x * (abs(base - prediction[j]) - abs(base - target[j]))
