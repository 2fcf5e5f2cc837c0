"""`surprise` and `manifesto` on a GPU: many nets at once, each of which lives all ticks of a run in one launch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import triton
from torch import Tensor

from realnet.core.state import SHORT_TERM, TABLE, Float32, Float64, Params, ShortTerm, State
from realnet.kernels.cuda.device import begin_copy, opening
from realnet.kernels.cuda.events_kernel import live_, measure_nets_
from realnet.kernels.sparse_frames import SparseFrames

_TILE = 2048  # elements of U that a program takes at a time, 16 for each of its threads
# No product is added to in one rounding: other bits would come of another compiler. No load begins before its turn
# (`num_stages`), since what it reads may be written by the same launch.
_HOW: dict[str, Any] = {"num_warps": 4, "num_stages": 1, "enable_fp_fusion": False}
_OWN = (*SHORT_TERM, "thresholds")  # what a fork does not share
_LEARNT = ("U", "scale", *_OWN)


def open_event_nets(params: Params, states: Iterable[State], some: int, device: str) -> EventNets:
    """Raises ValueError if the device isn't there, or if Triton cannot run on it."""
    with opening(device):
        return EventNets(params, states, some, torch.device(device))


class EventNets:
    """S nets of one size and with the same constants. What each computes does not depend on the others."""

    def __init__(self, params: Params, states: Iterable[State], some: int, device: torch.device) -> None:
        """Copy as many states as `some` says, one after the other: all together need much memory."""
        self._params, self._device, self._size = params, device, some
        n, columns, hidden = params.num_neurons, params.columns, params.n_hidden
        shapes = {name: TABLE[name].sizes(params) for name in _LEARNT} | {"extremes": (4, n), "bounds": (2,)}
        self._arrays = {name: torch.empty(some, *shape, device=device) for name, shape in shapes.items()}
        self._arrays["scale"] = self._arrays["scale"].double()
        self._arrays["pruned"] = torch.zeros(some, dtype=torch.int32, device=device)
        self._arrays["alive"] = torch.ones(1, dtype=torch.int8, device=device)
        for k, state in enumerate(states):
            for name in _LEARNT:
                self._arrays[name][k] = torch.from_numpy(getattr(state, name))
            if state.alive is not None:
                if self._arrays["alive"].ndim == 1:  # the first that is pruned
                    self._arrays["alive"] = torch.ones(some, n, columns, dtype=torch.int8, device=device)
                self._arrays["pruned"][k] = 1
                self._arrays["alive"][k] = torch.from_numpy(state.alive)
        widest = triton.next_power_of_2(max(hidden, params.n_out))
        at_once = min(max(widest, 16), 256)
        self._tiles = {"ROWS": _TILE // at_once, "COLS": at_once, "BLOCK": min(max(widest, 128), 1024)}
        with torch.cuda.device_of(self._arrays["U"]):
            measure_nets_[(some,)](
                *(self._arrays[name] for name in ("U", "alive", "pruned", "extremes", "bounds")),
                *(params.n_in, hidden, params.n_out),
                **self._tiles,
                **_HOW,
            )

    def run(self, frames: SparseFrames, teachers: Float32 | None, rates: Float64) -> Float32:
        """Live T ticks: S x T frames, net after net, teachers (S, T, n_out), rates (S,) -> outputs (S, T, n_out)."""
        params, arrays, some = self._params, self._arrays, self._size
        ticks = len(frames) // some
        outputs = torch.empty(some, ticks, params.n_out, device=self._device)
        index = torch.empty(some, 4, params.num_neurons, device=self._device, dtype=torch.int32)
        value = torch.empty(some, 4, params.num_neurons, device=self._device)
        notes = torch.empty(some, 4, params.columns, device=self._device)
        given = outputs if teachers is None else self._put(teachers)
        with torch.cuda.device_of(outputs):
            live_[(some,)](
                *(arrays[name] for name in ("U", "alive", "pruned", "scale", "extremes", "bounds", *_OWN)),
                *(index, value, notes),
                *(self._put(frames.offsets), self._put(frames.index), self._put(frames.value)),
                *(given, int(teachers is not None), self._put(rates.astype(np.float32)), outputs),
                *(ticks, params.n_in, params.n_hidden, params.n_out, params.winners),
                *(params.beta, params.kappa, params.hidden_ratio, params.hidden_kappa),
                *(params.margin_slope, params.threshold_rate, params.readout == "softmax"),
                **self._tiles,
                **_HOW,
            )
        return outputs.cpu().numpy()

    def fork(self) -> EventNets:
        """Return nets with an activity of their own over the same matrices. Run them with rates 0 only."""
        fork = EventNets.__new__(EventNets)
        fork.__dict__ = self.__dict__ | {"_arrays": self._arrays | {name: self._arrays[name].clone() for name in _OWN}}
        return fork

    def snapshot(self, k: int) -> State:
        """Return a copy of the state of net `k`, on the host."""
        return self.begin_snapshot(k)()

    def begin_snapshot(self, k: int) -> Callable[[], State]:
        """Clone net `k` on the device, and return what brings it to the host, on any thread; ticks may go on."""
        names = (*_LEARNT, "alive") if self._arrays["pruned"][k] else _LEARNT
        whole = {name: self._arrays[name][k] for name in names}
        if "alive" in whole:
            whole["alive"] = whole["alive"].view(torch.bool)
        brought = begin_copy(whole)
        return lambda: State.blank(self._params, **brought())

    def activity(self, k: int) -> Float32:
        return self._arrays["x"][k].cpu().numpy().copy()

    def swap(self, k: int, mind: ShortTerm) -> ShortTerm:
        before = {name: self._arrays[name][k].cpu().numpy().copy() for name in SHORT_TERM}
        for name in SHORT_TERM:
            self._arrays[name][k] = torch.from_numpy(mind[name])
        return before

    def _put(self, array: Any) -> Tensor:
        return torch.tensor(array, device=self._device)


class CudaEvents:
    """One net, by the kernel of many. Alone, and small, it is faster on a CPU."""

    name = "cuda"

    def __init__(self, nets: EventNets) -> None:
        self._nets = nets

    def run(self, frames: SparseFrames, teachers: Float32 | None, rate: float) -> Float32:
        outputs: Float32 = self._nets.run(frames, None if teachers is None else teachers[None], np.array([rate]))[0]
        return outputs

    def respond(self) -> Float32:
        outputs: Float32 = self.fork().run(SparseFrames.silent(1), None, 0.0)[0]
        return outputs

    def fork(self) -> CudaEvents:
        return CudaEvents(self._nets.fork())

    def swap(self, mind: ShortTerm) -> ShortTerm:
        return self._nets.swap(0, mind)

    def activity(self) -> Float32:
        return self._nets.activity(0)

    def snapshot(self) -> State:
        return self._nets.snapshot(0)

    def begin_snapshot(self) -> Callable[[], State]:
        return self._nets.begin_snapshot(0)
