"""`literal` on a GPU: the pass of `cpu_dense.py` in Triton, without a word with the host until all ticks are done.

A call goes in pieces of up to `RING` ticks. What is given at them is copied into a ring on the device, the ticks are
queued, as CUDA graphs, and what was said is copied from another ring; only after the last piece does the host wait.
Where Triton interprets its kernels they run on a CPU, a launch at a time: slow, for tests.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from typing import Any, NamedTuple

import numpy as np
import torch
import triton
from numpy.typing import NDArray
from torch import Tensor

from realnet.core.state import Float32, Params, ShortTerm, State
from realnet.kernels.cuda.dense_kernels import FACTS, learn_and_collect, settle, speak
from realnet.kernels.cuda.device import are_interpreted, begin_copy
from realnet.kernels.sparse_frames import SparseFrames

RING = 64  # ticks; a power of 2

_STEP, _COLUMNS = 16, 128  # what a program of the pass has in registers at a time
_NEURONS = 64  # of a program of `settle` or `speak`
# Products and sums are joined to one rounding, whatever a version of Triton does by itself.
_FUSED = {"enable_fp_fusion": True}
_LINE = 32  # floats


def _rows(n: int) -> int:
    """Return how many rows a tile has: few enough for enough tiles, many enough that their sums weigh little."""
    return min(512, max(32, int(triton.next_power_of_2(n)) // 32))


class _Own(NamedTuple):
    """What a net has on the device and its forks have of their own; `dense_kernels.py` says what each is."""

    x: Tensor  # (2, N)
    scale: Tensor  # (2, 2)
    rate: Tensor  # ()
    clock: Tensor  # (3,)
    flags: Tensor  # (3,) whether something was active, in two slots, and whether this tick learns
    collected: Tensor  # (2, N)
    sums: Tensor  # (N,)
    ranges: Tensor  # (3, parts): of non-inputs the lowest, of hidden ones the highest, of outputs the highest
    tile_sums: Tensor  # (row blocks, 2, N)
    tile_extremes: Tensor  # (tiles, 2)
    given: Tensor  # (RING, n_in + n_out + FACTS)
    outputs: Tensor  # (RING, n_out)


class CudaDense:
    """A net of the preset `literal`."""

    name = "cuda"

    def __init__(self, params: Params, state: State, device: str) -> None:
        self._params, self._device = params, torch.device(device)
        self._on_gpu = self._device.type == "cuda"
        self._tick, self._owner = 0, self  # whose scale is that of U
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
        self._margins, self._thresholds, self._frozen = state.margins, state.thresholds, state.scale[2:]
        self._U = _padded(state.U, self._device)
        self._alive = None if state.alive is None else _padded(state.alive.view(np.uint8), self._device)

        n, width = params.num_neurons, params.n_in + params.n_out + FACTS.value
        self._grid = triton.cdiv(n, _COLUMNS), triton.cdiv(n, _rows(n))
        self._parts = triton.cdiv(n, _NEURONS)
        self._silence = self._zeros(width)  # given at a tick at which nothing is
        self._silence[-1] = torch.nan
        self._own = _Own(
            x=self._zeros(2, n),
            scale=self._zeros(2, 2, dtype=torch.float64),
            rate=self._zeros(dtype=torch.float64),
            clock=self._zeros(3, dtype=torch.int64),
            flags=self._zeros(3, dtype=torch.int32),
            collected=self._zeros(2, n),
            sums=self._zeros(n),
            ranges=self._zeros(3, self._parts),
            tile_sums=self._zeros(self._grid[1], 2, n),
            tile_extremes=self._zeros(self._grid[0] * self._grid[1], 2),
            given=self._zeros(RING, width),
            outputs=self._zeros(RING, params.n_out),
        )
        self._own.scale[0] = torch.from_numpy(state.scale[:2])
        self._set_activity(state.x, state.x_before)
        with self._current():
            self._take_collected(state.collected)

    def run(self, frames: SparseFrames, teachers: Float32 | None, rate: float) -> Float32:
        own, ticks = self._own, len(frames)
        given = self._given(frames, teachers)
        outputs = torch.empty(ticks, self._params.n_out, pin_memory=self._on_gpu)
        with self._current():
            self._trust_collected()
            own.rate.fill_(rate)
            for begin in range(0, ticks, RING):
                piece = slice(begin, min(begin + RING, ticks))
                count = piece.stop - begin
                own.given[:count].copy_(given[piece], non_blocking=True)
                own.clock[2].fill_(self._tick)
                self._live(count)
                outputs[piece].copy_(own.outputs[:count], non_blocking=True)
                self._tick += count
            if self._on_gpu:
                torch.cuda.current_stream().synchronize()
        return outputs.numpy()

    def respond(self) -> Float32:
        own, params = self._own, self._params
        outputs = self._zeros(params.n_out)
        with self._current():
            self._trust_collected()
            speak[(triton.cdiv(params.n_out, _NEURONS),)](
                *(own.sums, own.ranges, self._silence, outputs),
                *(params.num_neurons, params.n_in, params.n_out, self._parts),
                COLUMNS=_NEURONS,
                PARTS=triton.next_power_of_2(self._parts),
                **_FUSED,
            )
        return outputs.cpu().numpy()

    def fork(self) -> CudaDense:
        fork = copy(self)
        fork._own, fork._graphs = _Own(*(tensor.clone() for tensor in self._own)), {}
        return fork

    def swap(self, mind: ShortTerm) -> ShortTerm:
        x, x_before = self._activities()
        before = {"x": _taken(x), "x_before": _taken(x_before), "margins": self._margins}
        before["collected"] = _taken(self._own.collected)
        self._set_activity(mind["x"], mind["x_before"])
        self._margins = mind["margins"]
        with self._current():
            if "collected" in mind:
                self._follow()
                self._take_collected(mind["collected"])
            else:
                self._collect()
        return before

    def activity(self) -> Float32:
        return _taken(self._activities()[0])

    def snapshot(self) -> State:
        return self.begin_snapshot()()

    def begin_snapshot(self) -> Callable[[], State]:
        """Clone all on the device, and return what brings it to the host, on any thread. Ticks may go on meanwhile."""
        with self._current():
            self._follow()
            x, x_before = self._activities()
            n, scale, collected = self._params.num_neurons, self._own.scale[self._tick % 2], self._own.collected
            whole = {"U": self._U[:, :n], "scale": scale, "x": x, "x_before": x_before, "collected": collected}
            if self._alive is not None:
                whole["alive"] = self._alive[:, :n].view(torch.bool)
            brought = begin_copy(whole)
        on_host = {"margins": self._margins.copy(), "thresholds": self._thresholds.copy()}

        def state() -> State:
            arrays = brought()
            arrays["scale"] = np.concatenate([arrays["scale"], self._frozen])
            return State.of_arrays(arrays | on_host)

        return state

    def _given(self, frames: SparseFrames, teachers: Float32 | None) -> Tensor:
        """Return all that the device is told of each tick, (T, n_in + n_out + FACTS), on the host."""
        n_in, n_out = self._params.n_in, self._params.n_out
        given = np.full((len(frames), n_in + n_out + FACTS.value), np.nan, np.float32)
        given[:, :n_in] = dense = frames.to_dense(n_in)
        given[:, n_in + n_out], given[:, n_in + n_out + 1] = dense.min(1), dense.max(1)
        if teachers is not None:
            given[:, n_in : n_in + n_out] = teachers
            given[:, -1] = teachers.max(1)  # NaN if there is none
        tensor = torch.from_numpy(given)
        return tensor.pin_memory() if self._on_gpu else tensor

    def _live(self, ticks: int) -> None:
        """Queue ticks: on a GPU as graphs of 64, 32, 16 … 1 of them. At the first of a size it is made."""
        if not self._on_gpu:
            for _ in range(ticks):
                self._queue(is_tick=True)
            return
        size = RING
        while size:
            if ticks & size and size in self._graphs:
                self._graphs[size].replay()
            elif ticks & size:
                for _ in range(size):  # or what is captured, which is not run, would not have been compiled
                    self._queue(is_tick=True)
                self._graphs[size] = graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, stream=torch.cuda.Stream(), capture_error_mode="thread_local"):
                    for _ in range(size):
                        self._queue(is_tick=True)
            size //= 2

    def _collect(self) -> None:
        """Collect what the activity sends, afresh."""
        self._follow()
        self._queue(is_tick=False)

    def _take_collected(self, collected: Float32) -> None:
        """Take over what the activity sends, (2, N), as if one row of tiles had found all."""
        self._own.tile_sums.zero_()
        self._own.tile_sums[0] = torch.from_numpy(collected)
        self._settle(is_tick=False)

    def _queue(self, is_tick: bool) -> None:
        own, params = self._own, self._params
        learn_and_collect[self._grid](
            *(self._U, self._U if self._alive is None else self._alive, own.x, own.sums, own.ranges, own.scale),
            *(own.rate, own.clock, own.flags, own.given, own.outputs, own.tile_sums, own.tile_extremes),
            *(params.num_neurons, self._U.stride(0), params.n_in, params.n_out, self._parts),
            IS_TICK=is_tick,
            IS_PRUNED=self._alive is not None,
            ROWS=_rows(params.num_neurons),
            STEP=_rows(params.num_neurons) if are_interpreted() else _STEP,  # which takes as long for each step
            COLUMNS=_COLUMNS,
            PARTS=triton.next_power_of_2(self._parts),
            **_FUSED,
        )
        self._settle(is_tick)

    def _settle(self, is_tick: bool) -> None:
        own, params = self._own, self._params
        settle[(self._parts,)](
            *(own.tile_sums, own.tile_extremes, own.collected, own.sums, own.ranges, own.scale),
            *(own.rate, own.clock, own.flags, params.num_neurons, params.n_in, params.n_out),
            *(self._grid[1], self._grid[0] * self._grid[1]),
            IS_TICK=is_tick,
            JOINED=16,
            TILES=1024,
            COLUMNS=_NEURONS,
            **_FUSED,
        )

    def _trust_collected(self) -> None:
        """What a fork collected is stale as soon as the net that owns the matrix has learnt."""
        if self._owner is not self:
            self._collect()

    def _follow(self) -> None:
        owner = self._owner
        if owner is not self:
            self._own.scale[self._tick % 2].copy_(owner._own.scale[owner._tick % 2])

    def _activities(self) -> tuple[Tensor, Tensor]:
        """Return x and x_before, not copied."""
        return self._own.x[self._tick % 2], self._own.x[1 - self._tick % 2]

    def _set_activity(self, x: Float32, x_before: Float32) -> None:
        for tensor, array in zip(self._activities(), (x, x_before), strict=True):
            tensor.copy_(torch.from_numpy(array))
        self._own.flags[self._tick % 2] = int(x.any())

    def _current(self) -> AbstractContextManager[object]:
        """Make the device the one that is launched on."""
        return torch.cuda.device(self._device) if self._on_gpu else nullcontext()

    def _zeros(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.zeros(shape, dtype=dtype, device=self._device)


def _padded(array: NDArray[Any], device: torch.device) -> Tensor:
    """Put a matrix on the device, with rows that begin with a line of the cache."""
    tensor = torch.from_numpy(array)
    rows, columns = tensor.shape
    padded = torch.zeros(rows, triton.cdiv(columns, _LINE) * _LINE, dtype=tensor.dtype, device=device)
    padded[:, :columns] = tensor
    return padded


def _taken(tensor: Tensor) -> Float32:
    """Return a copy on the host."""
    return tensor.cpu().numpy().copy()
