"""Several sessions of a net of `literal` in one pass over its matrix: one read and one write for a tick of each.

In a tick together all sessions fire from the same W. Then each weight learns from the first session, from the second,
and so on, while it is at hand, and step 8 comes once, after the last. In `cpu_dense.py`'s terms, with b growing by a
session's rate after each:

    U_ij <- U_ij - (2 eta_s / a) |x_si (1 + b) + a x_si U_ij - v_sj|        for s = 1, 2, …
    collected_sj = sum_i v_si U'_ij                                         for every s, of what U has then become

A session that is silent, or whose rate is 0, changes nothing. One whose frames have come to an end drops out. The bits
do not depend on the number of threads, and of one session alone they are those of an ordinary tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numba
import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, kernel, parallel_kernel
from realnet.core.state import HIGH, LOW, Float32, Float64, ShortTerm, State
from realnet.kernels.cpu_dense import Mask, aligned, collect_, collect_all_, fire_
from realnet.kernels.dense_rows import BLOCK, LANES, ROWS
from realnet.kernels.dense_rows_together import KINDS, NUMBERS, learn_row_together_, learn_rows_together_
from realnet.kernels.sparse_frames import SparseFrames
from realnet.kernels.together import Together

_NEAR = 4096  # columns of all sessions that are worked on at once: what fires there, and the sums, stay in the cache


def run_together(
    matrix: Float32,
    alive: Mask,
    state: State,
    shape: tuple[int, int],
    threads: int,
    minds: Sequence[ShortTerm],
    frames: Sequence[SparseFrames],
    teachers: Sequence[Float32 | None],
    rates: Sequence[float],
) -> Together:
    """As `LivesTogether` says; `state` is that of the net whose padded `matrix` it is; `shape`: inputs and outputs."""
    count, (n, width), n_out = len(minds), (len(matrix), matrix.shape[1]), shape[1]
    places = np.concatenate([[0], np.cumsum([len(each) for each in frames])]).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum([len(each.index) for each in frames])]).astype(np.int64)
    offsets = np.concatenate(
        [*(each.offsets[:-1] + start for each, start in zip(frames, starts, strict=False)), starts[-1:]]
    )
    taught = np.full((places[-1], n_out), np.nan, np.float32)
    for given, first, last in zip(teachers, places, places[1:], strict=False):
        if given is not None:
            taught[first:last] = given
    x, x_before = (np.stack([mind[name] for mind in minds]) for name in ("x", "x_before"))
    collected = np.zeros((count, 2, n), np.float32)
    fresh = np.array([s for s, mind in enumerate(minds) if "collected" not in mind], np.int64)
    collect_all_(matrix, alive, fresh, x, collected)
    for s, mind in enumerate(minds):
        if "collected" in mind:
            collected[s] = mind["collected"]
    outputs = np.empty((places[-1] + count, n_out), np.float32)  # and what each says next
    blocks = -(-n // BLOCK)
    buffers = (
        aligned((count, width), np.float32),  # what fires, of those that are not out, one after the other
        aligned((threads, count, 2, width), np.float32),  # sums of the blocks that run at once …
        aligned((threads, count, KINDS, BLOCK), np.float32),  # … and constants of their rows
        aligned((blocks, 2, LANES), np.float32),
    )
    arguments = (
        *(matrix, state.scale, alive, x, x_before, collected),
        *buffers,
        *(places, offsets, *(np.concatenate([getattr(each, name) for each in frames]) for name in ("index", "value"))),
        *(
            taught,
            np.array(rates, np.float64),
            np.argsort([rate == 0 for rate in rates], kind="stable"),
            shape,
            outputs,
        ),
    )
    if threads > 1:
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
        _run_parallel_(*arguments)
    else:
        _run_serial_(*arguments)
    if any(rate > 0 for rate in rates):
        collect_(matrix, alive, state.x, state.collected)  # the net's own mind lives on by the new matrix
    ends = places + np.arange(count + 1)
    return Together(
        [outputs[first : last - 1] for first, last in pairwise(ends)],
        outputs[ends[1:] - 1],
        [
            {**mind, "x": x[s].copy(), "x_before": x_before[s].copy(), "collected": collected[s].copy()}
            for s, mind in enumerate(minds)
        ],
    )


def _run_(
    U: Float32,
    scale: Float64,
    alive: Mask,
    x: Float32,
    x_before: Float32,
    collected: Float32,
    padded_v: Float32,
    sums: Float32,
    table: Float32,
    extremes: Float32,
    places: NDArray[np.int64],
    offsets: NDArray[np.int64],
    frame_index: NDArray[np.int32],
    frame_value: Float32,
    teachers: Float32,
    rates: Float64,
    order: NDArray[np.int64],  # of the sessions: first those that learn, so that the others make no bit another
    shape: tuple[int, int],
    outputs: Float32,
) -> None:
    n, n_in, n_out, count = len(U), shape[0], shape[1], len(x)
    here = np.empty(count, np.int64)  # the sessions that are not out
    maps, numbers = np.empty((count, 2)), np.empty((count, NUMBERS), np.float32)
    t = 0
    while True:
        left = learners = 0
        for s in order:
            if places[s] + t < places[s + 1]:
                here[left] = s
                left += 1
                learners += rates[s] > 0
            elif places[s] + t == places[s + 1]:  # it has just dropped out: what would it say next?
                fire_(scale, collected[s], padded_v[0, :n], n_in, 0, 0, frame_index, frame_value)
                outputs[places[s + 1] + s] = padded_v[0, n - n_out : n]
        if left == 0:
            break
        learns = False
        for k in range(left):
            s = here[k]
            at, v = places[s] + t, padded_v[k, :n]
            fire_(scale, collected[s], v, n_in, offsets[at], offsets[at + 1], frame_index, frame_value)
            outputs[at + s] = v[n - n_out :]
            if not np.isnan(teachers[at, 0]):
                v[n - n_out :] = teachers[at]
            maps[k, 0] = rates[s] if v.any() or x[s].any() else 0.0  # silence: step 8 undoes step 7, a uniform shift
            learns = learns or maps[k, 0] > 0
        if learns:
            _prepare_(scale, left, maps, numbers)
            for k in range(left):
                collected[here[k]] = 0.0
            for first in range(0, len(extremes), len(sums)):
                last = min(first + len(sums), len(extremes))
                for block in numba.prange(first, last):
                    place = block - first
                    _learn_block_(
                        U,
                        alive,
                        block,
                        here[:left],
                        learners,
                        x,
                        padded_v,
                        maps,
                        numbers,
                        sums[place],
                        table[place],
                        extremes[block],
                    )
                for place in range(last - first):
                    for k in range(left):
                        collected[here[k], 0] += sums[place, k, 0, :n]
                        if alive.size == 0:
                            collected[here[k], 1] += sums[place, k, 1, 0]  # of all columns
                        else:
                            collected[here[k], 1] += sums[place, k, 1, :n]
            lowest, highest = scale[0] * extremes[:, 0].min(), scale[0] * extremes[:, 1].max()
            if highest > lowest:
                stretch = (HIGH - LOW) / (highest - lowest)
                scale[0] *= stretch
                scale[1] = LOW - stretch * lowest
        for k in range(left):
            s = here[k]
            x_before[s] = x[s]
            x[s] = padded_v[k, :n]
        if not learns:
            collect_all_(U, alive, here[:left], x, collected)
        t += 1


_run_serial_ = kernel(_run_)
_run_parallel_ = parallel_kernel(_run_)


@kernel
def _prepare_(scale: Float64, left: int, maps: Float64, numbers: Float32) -> None:
    """Have `maps` say by which a and b each session finds W, whose rates it holds; `numbers`: keep, shift and less."""
    a, b = scale[0], scale[1]
    folds = not 0.6 <= a <= 1.7 or abs(b) > 1.0  # write W itself, or too few bits would be left in U
    for k in range(left):
        rate = maps[k, 0]
        maps[k, 0], maps[k, 1] = a, b
        if k == 0 and folds:
            numbers[k, 0], numbers[k, 1], numbers[k, 2] = a, b + rate, -(2 * rate)
            a, b = 1.0, 0.0
        else:
            numbers[k, 0], numbers[k, 1], numbers[k, 2] = 1.0, 0.0, -(2 * rate / a)
            b += rate
    scale[0], scale[1] = a, b


@exact_inlined_kernel
def _learn_block_(
    U: Float32,
    alive: Mask,
    block: int,
    here: NDArray[np.int64],
    learners: int,
    x: Float32,
    v: Float32,
    maps: Float64,
    numbers: Float32,
    sums: Float32,
    table: Float32,
    extremes: Float32,
) -> None:
    """Learn BLOCK rows, and set what they add to `collected` of each session, and their extremes."""
    n, left = len(U), len(here)
    first, last = block * BLOCK, min((block + 1) * BLOCK, n)
    sums[:left] = 0.0
    extremes[0], extremes[1] = np.inf, -np.inf
    for k in range(left):
        for i in range(first, last):
            source, strength = x[here[k], i], v[k, i]
            table[k, 0, i - first] = maps[k, 0] * source
            table[k, 1, i - first] = source * (1.0 + maps[k, 1])
            table[k, 2, i - first] = strength
            if alive.size == 0:
                sums[k, 1, 0] += strength
    several = last - (last - first) % ROWS
    columns = max(2 * LANES, _NEAR // left // (2 * LANES) * (2 * LANES))
    for begin in range(0, n, columns):
        for i in range(first, several, ROWS):
            places = (i, i - first, begin, begin + columns, n)
            learn_rows_together_(U, alive, v, sums, table, numbers, extremes, places, learners, left)
        for i in range(several, last):
            places = (i, i - first, begin, begin + columns, n)
            learn_row_together_(U, alive, v, sums, table, numbers, extremes, places, learners, left)
