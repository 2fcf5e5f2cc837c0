"""LiveNets: many nets of one size, each with weights, inputs and a life of its own, that tick at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import chain
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike

from realnet.checkpoint import Checkpoint
from realnet.core.checks import checked_rate, checked_rows
from realnet.core.state import Float32, Float64, Params, Preset, State
from realnet.kernels import Kernel, SparseFrames, open_kernel
from realnet.live import LiveNet
from realnet.shown import Shown

_MAY_DIFFER = ("seed", "born")  # of what is chosen of a net: nothing of a tick is by them


class _Nets(Protocol):
    def run(self, frames: SparseFrames, teachers: Float32 | None, rates: Float64) -> Float32:
        """Run S x T frames, net after net, with teachers (S, T, n_out), rates (S,). Returns (S, T, n_out)."""
        ...

    def snapshot(self, k: int) -> State: ...


class LiveNets(Shown):
    """S live nets that differ in their seeds, in what they live and in what they learn.

        nets = LiveNets(66, range(64), [64, 65], seeds=range(100))
        outputs = nets.run(frames, teachers)  # (100, T, 64), (100, T, 2) -> (100, T, 2)
        best = nets.net(17)  # a LiveNet

    Each computes, bit for bit, what a `LiveNet` of its own would on the same kernel. On a GPU nets of `surprise` and
    `manifesto` tick at once, all ticks of a run in one launch; elsewhere one net lives after the other.
    """

    def __init__(
        self,
        num_neurons: int,
        input_ids: Sequence[int],
        output_ids: Sequence[int],
        preset: Preset = "surprise",
        learning_rate: float | None = None,
        seeds: Sequence[int] = (0,),
        device: str = "cpu",
        *,
        readout: Literal["softmax", "clamp"] = "softmax",
        kernel: str | None = None,
        **constants: float,
    ) -> None:
        """One net for each of `seeds`; all else is as of a `LiveNet`. Raises ValueError or TypeError."""
        inputs, outputs = tuple(input_ids), tuple(output_ids)
        others: dict[str, Any] = {"readout": readout, **constants}
        born = (LiveNet(num_neurons, inputs, outputs, preset, learning_rate, seed, **others) for seed in seeds)
        self._begin((net.checkpoint() for net in born), len(seeds), device, kernel)

    @classmethod
    def from_nets(cls, nets: Sequence[LiveNet], device: str = "cpu", kernel: str | None = None) -> LiveNets:
        """Return copies of these nets. Raises ValueError if they differ in more than seeds, states and rates."""
        own = cls.__new__(cls)
        own._begin((net.checkpoint() for net in nets), len(nets), device, kernel)
        return own

    def _begin(self, checkpoints: Iterator[Checkpoint], some: int, device: str, kernel: str | None) -> None:
        if not some:
            raise ValueError("there must be at least one net")
        first = LiveNet.from_checkpoint(next(checkpoints), device, kernel)
        self.device, self.kernel, self.preset = device, first.kernel, first.preset
        self._params: list[Params] = []
        self._rates: list[float] = []
        self._ticks: list[int] = []
        states = self._taken(chain([first.checkpoint()], checkpoints))
        self._nets: _Nets
        if self.kernel == "cuda" and self.preset != "literal":
            from realnet.kernels.cuda import open_event_nets  # brings PyTorch

            self._nets = open_event_nets(first.checkpoint().params(), states, some, device)
        else:
            opened = (open_kernel(self.kernel, self._params[-1], state, device) for state in states)
            self._nets = _OneByOne(list(opened))

    def _taken(self, checkpoints: Iterable[Checkpoint]) -> Iterator[State]:
        """Yield the state of each net, and note what else there is of it."""
        for k, checkpoint in enumerate(checkpoints):
            self._params.append(params := checkpoint.params())
            for each in fields(Params):
                other = each.compare and getattr(params, each.name) != getattr(self._params[0], each.name)
                if other and each.name not in _MAY_DIFFER:
                    raise ValueError(f"net {k} has another {each.name} than net 0")
            self._rates.append(checkpoint.config["learning_rate"])
            self._ticks.append(checkpoint.tick)
            yield checkpoint.state()

    def facts(self) -> dict[str, str]:
        """Return what they are, by name, for people to read."""
        return {
            "nets": f"{len(self):,}",
            "preset": self.preset,
            "size": str(self._params[0]),
            "device": self.device,
        }

    def __len__(self) -> int:
        return len(self._params)

    def run(
        self,
        frames: ArrayLike,
        teachers: ArrayLike | None = None,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
    ) -> Float32:
        """Have each net tick once for each of its frames.

        Args:
            frames: (S, T, n_in) in [0, 1].
            teachers: (S, T, n_out) in [0, 1]; a row of NaN where there is none.
            plasticity: times the learning rate; at 0 nothing is learnt.
            learning_rate: of these ticks; None: each net's own.

        Returns:
            (S, T, n_out) in [0, 1]: what the outputs said, each before its teacher.

        Raises:
            ValueError: it names the place, and nothing has changed.
        """
        if not (math.isfinite(plasticity) and plasticity >= 0):
            raise ValueError("plasticity must be a number, at least 0")
        rates = self._rates if learning_rate is None else [checked_rate(learning_rate)] * len(self)
        params = self._params[0]
        shown = self._checked("frames", frames, params.n_in, nan_rows=False)
        taught = None if teachers is None else self._checked("teachers", teachers, params.n_out, nan_rows=True)
        ticks = shown.shape[1]
        if taught is not None and taught.shape[1] != ticks:
            raise ValueError(f"there are {taught.shape[1]} teachers for {ticks} frames")
        together = SparseFrames.from_dense(shown.reshape(-1, params.n_in))
        outputs = self._nets.run(together, taught, plasticity * np.array(rates))
        self._ticks = [tick + ticks for tick in self._ticks]
        return outputs

    def net(self, k: int) -> LiveNet:
        """Return a copy of net `k`, from 0 on, as a net of its own. Raises IndexError if there is none."""
        if not 0 <= k < len(self):
            raise IndexError(f"there is no net {k}, only 0 to {len(self) - 1}")
        checkpoint = Checkpoint.of_net(
            self._params[k],
            self._nets.snapshot(k),
            kind="net",
            tick=self._ticks[k],
            learning_rate=self._rates[k],
        )
        return LiveNet.from_checkpoint(checkpoint, self.device, self.kernel)

    def _checked(self, name: str, values: ArrayLike, width: int, nan_rows: bool) -> Float32:
        try:
            array = np.asarray(values, np.float32)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must be an array of numbers of shape ({len(self)}, T, {width})") from error
        if array.ndim != 3 or array.shape[::2] != (len(self), width):
            raise ValueError(f"{name} has shape {array.shape}, must be ({len(self)}, T, {width})")
        for k, rows in enumerate(array):
            checked_rows(f"{name}[{k}]", rows, width, nan_rows)
        return array


class _OneByOne:
    """Nets whose kernel knows of one at a time."""

    def __init__(self, kernels: list[Kernel]) -> None:
        self._kernels = kernels

    def run(self, frames: SparseFrames, teachers: Float32 | None, rates: Float64) -> Float32:
        ticks = len(frames) // len(self._kernels)
        outputs = []
        for k, kernel in enumerate(self._kernels):
            own = frames.part(k * ticks, (k + 1) * ticks)
            outputs.append(kernel.run(own, None if teachers is None else teachers[k], float(rates[k])))
        return np.stack(outputs)

    def snapshot(self, k: int) -> State:
        return self._kernels[k].snapshot()
