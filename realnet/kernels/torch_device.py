"""Every preset on any device of PyTorch, plainly: in place, in chunks of rows, a tick at a time.

It is what other devices than a CPU live on, where `cuda/` isn't for them. W = a U + b, as in the CPU kernels, so that
step 8 writes nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from realnet.core.readout import read_tensor
from realnet.core.state import HIGH, LOW, SHORT_TERM, TABLE, Float32, Params, ShortTerm, State
from realnet.kernels.sparse_frames import SparseFrames

_CHUNK = {"cpu": 2**18}  # elements of W at a time: on a CPU the scratch stays in the cache
_CHUNK_ELSEWHERE = 2**24
_MOVED = tuple(name for name in TABLE if name != "scale")


def open_torch(params: Params, state: State, device: str) -> TorchDense | TorchEvents:
    """Raises ValueError if the device isn't there."""
    check_device(device)
    kind = TorchDense if params.preset == "literal" else TorchEvents
    return kind(params, Tensors(state, torch.device(device)))


def check_device(device: str) -> None:
    """Raises ValueError if the device isn't there."""
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # an AssertionError from a build without CUDA
        raise ValueError(f"device {device!r} is not there: {str(error).splitlines()[0]}") from error


class Tensors:
    """A `State` on a device; `scale`, and what follows from it, stays on the host."""

    U: Tensor
    alive: Tensor | None
    x: Tensor
    x_before: Tensor
    margins: Tensor
    thresholds: Tensor
    collected: Tensor

    def __init__(self, state: State, device: torch.device) -> None:
        self.device, self.scale = device, state.scale.copy()
        arrays = state.arrays()
        for name in _MOVED:
            setattr(self, name, self.put(arrays[name]) if name in arrays else None)

    def put(self, array: Any) -> Tensor:
        return torch.tensor(array, device=self.device)  # always a copy: the caller's arrays stay the caller's

    def fork(self) -> Tensors:
        """`U`, `alive` and `scale` are shared. The rest is replaced at every tick, never written to."""
        fork = Tensors.__new__(Tensors)
        fork.__dict__ = self.__dict__.copy()
        return fork

    def snapshot(self) -> State:
        moved = {name: tensor for name in _MOVED if (tensor := getattr(self, name)) is not None}
        return State.of_arrays({"scale": self.scale.copy()} | {name: _taken(each) for name, each in moved.items()})

    def swap(self, mind: ShortTerm) -> ShortTerm:
        before = {name: _taken(getattr(self, name)) for name in SHORT_TERM}
        for name in SHORT_TERM:
            setattr(self, name, self.put(mind[name]))
        return before

    def extremes(self, rows: Tensor, alive: Tensor | None) -> tuple[Tensor, Tensor]:
        """Lowest and highest living entry; inf and -inf where nothing lives."""
        if alive is None:
            low, high = torch.aminmax(rows)
            return low, high
        return rows.masked_fill(~alive, torch.inf).amin(), rows.masked_fill(~alive, -torch.inf).amax()


def _taken(tensor: Tensor) -> NDArray[Any]:
    """Return a copy on the host."""
    return tensor.cpu().numpy().copy()


class TorchDense:
    """`literal`: the pass of `cpu_dense.py`, which writes W itself before step 8, chunk after chunk."""

    name = "torch"

    def __init__(self, params: Params, tensors: Tensors) -> None:
        self._params, self._tensors = params, tensors
        self._collects_afresh = False
        elements = _CHUNK.get(tensors.device.type, _CHUNK_ELSEWHERE)
        self._chunk = max(1, elements // params.num_neurons)  # whatever columns are here: the sums keep their order
        self._scratch = torch.empty(self._chunk, tensors.U.shape[1], device=tensors.device)
        self._columns = slice(None)  # of the matrix, those that are here

    def run(self, frames: SparseFrames, teachers: Float32 | None, rate: float) -> Float32:
        own, params = self._tensors, self._params
        outputs = torch.empty(len(frames), params.n_out, device=own.device)
        inputs = own.put(frames.to_dense(params.n_in))
        forced = None if teachers is None else own.put(teachers)
        taught = np.zeros(len(frames), np.bool_) if teachers is None else ~np.isnan(teachers[:, 0])
        self._trust_collected()
        for t in range(len(frames)):
            v = self._fire(inputs[t])
            outputs[t] = v[-params.n_out :]
            if taught[t] and forced is not None:
                v[-params.n_out :] = forced[t]
            if not (v.any() or own.x.any()):
                own.collected = torch.zeros_like(own.collected)
            elif rate > 0:
                self._learn(v, rate)
            else:
                self._collect(v)
            own.x_before, own.x = own.x, v
        return outputs.cpu().numpy()

    def respond(self) -> Float32:
        own = self._tensors
        self._trust_collected()
        return self._fire(torch.zeros(self._params.n_in, device=own.device))[-self._params.n_out :].cpu().numpy()

    def fork(self) -> TorchDense:
        fork = TorchDense(self._params, self._tensors.fork())
        fork._collects_afresh = True
        return fork

    def swap(self, mind: ShortTerm) -> ShortTerm:
        own = self._tensors
        before = {"collected": _taken(own.collected), **own.swap(mind)}
        if "collected" in mind:
            own.collected = own.put(mind["collected"])
        else:
            self._collect(own.x)
        return before

    def activity(self) -> Float32:
        return self._tensors.x.cpu().numpy().copy()

    def snapshot(self) -> State:
        return self._tensors.snapshot()

    def _trust_collected(self) -> None:
        """What a fork collected is stale as soon as the net that owns the matrix has learnt."""
        if self._collects_afresh:
            self._collect(self._tensors.x)

    def _fire(self, frame: Tensor) -> Tensor:
        own, n_in = self._tensors, self._params.n_in
        a, b = own.scale[:2]
        v = (float(a) * own.collected[0] + float(b) * own.collected[1]).relu_()
        v[:n_in] = frame
        low, high = torch.aminmax(v)
        v = torch.where(high > low, (v - low) / (high - low), 0.0)
        v[:n_in] = frame
        return v

    def _learn(self, v: Tensor, rate: float) -> None:
        own = self._tensors
        a, b = map(float, own.scale[:2])
        targets = v[self._columns]
        collected = torch.zeros(2, len(targets), device=own.device)
        lows, highs = [], []
        for start in range(0, len(own.U), self._chunk):
            rows, x, v_rows = (array[start : start + self._chunk] for array in (own.U, own.x, v))
            alive = None if own.alive is None else own.alive[start : start + self._chunk]
            difference = torch.mul(rows, (a * x)[:, None], out=self._scratch[: len(rows)])
            difference.add_((x * (1 + b))[:, None]).sub_(targets).abs_()
            rows.mul_(a).add_(b + rate).sub_(difference, alpha=2 * rate)
            if alive is not None:
                rows.masked_fill_(~alive, 0.0)
                collected[1] += v_rows @ alive.float()
            collected[0] += v_rows @ rows
            low, high = own.extremes(rows, alive)
            lows.append(low)
            highs.append(high)
        if own.alive is None:
            collected[1] = v.sum()
        own.collected, low, high = self._joined(collected, torch.stack(lows).min(), torch.stack(highs).max())
        lowest, highest = float(low), float(high)
        own.scale[:2] = 1.0, 0.0
        if highest > lowest:
            factor = (HIGH - LOW) / (highest - lowest)
            own.scale[:2] = factor, LOW - lowest * factor

    def _collect(self, x: Tensor) -> None:
        own, nothing = self._tensors, x.new_zeros(())
        sums = x @ own.U
        living = x.sum().expand_as(sums) if own.alive is None else x @ own.alive.float()
        own.collected, *_ = self._joined(torch.stack([sums, living]), nothing, nothing)

    def _joined(self, collected: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the sums and extremes of all columns, given those of the columns that are here: all there are."""
        return collected, low, high


class TorchEvents:
    """`surprise` and `manifesto`: the rows that fired are gathered, and put back when they have learnt."""

    name = "torch"

    def __init__(self, params: Params, tensors: Tensors) -> None:
        self._params, self._tensors = params, tensors

    def run(self, frames: SparseFrames, teachers: Float32 | None, rate: float) -> Float32:
        own, params = self._tensors, self._params
        outputs = torch.empty(len(frames), params.n_out, device=own.device)
        index, value = own.put(frames.index.astype(np.int64)), own.put(frames.value)
        forced = None if teachers is None else own.put(teachers)
        taught = np.zeros(len(frames), np.bool_) if teachers is None else ~np.isnan(teachers[:, 0])
        for t in range(len(frames)):
            fired, sums = self._collect()
            active = len(fired) > 0
            outputs[t] = read_tensor(sums[params.n_hidden :], params)
            v, margins = self._compete(sums, active)
            on = slice(int(frames.offsets[t]), int(frames.offsets[t + 1]))
            v[index[on]] = value[on]
            if taught[t] and forced is not None:
                v[-params.n_out :] = forced[t]
                if active and rate > 0:
                    self._learn(fired, forced[t], outputs[t], rate)
                    drift = sums[: params.n_hidden] - own.thresholds
                    own.thresholds = own.thresholds + params.threshold_rate * drift
            own.x_before, own.x, own.margins = own.x, v, margins
        return outputs.cpu().numpy()

    def respond(self) -> Float32:
        return read_tensor(self._collect()[1][self._params.n_hidden :], self._params).cpu().numpy()

    def fork(self) -> TorchEvents:
        return TorchEvents(self._params, self._tensors.fork())

    def swap(self, mind: ShortTerm) -> ShortTerm:
        return self._tensors.swap(mind)

    def activity(self) -> Float32:
        return self._tensors.x.cpu().numpy().copy()

    def snapshot(self) -> State:
        return self._tensors.snapshot()

    def _collect(self) -> tuple[Tensor, Tensor]:
        own = self._tensors
        fired = own.x.nonzero().squeeze(1)
        x = own.x[fired]
        return fired, x @ self._weights(fired)

    def _weights(self, rows: Tensor) -> Tensor:
        own = self._tensors
        a, b = map(float, own.scale[:2])
        weights = own.U[rows] * a + b
        return weights if own.alive is None else weights * own.alive[rows]

    def _compete(self, sums: Tensor, active: bool) -> tuple[Tensor, Tensor]:
        own, params = self._tensors, self._params
        v = torch.zeros_like(own.x)
        if not (active and params.n_hidden):
            return v, torch.zeros_like(own.margins)
        z = sums[: params.n_hidden] - own.thresholds
        order = z.sort(descending=True, stable=True).indices[: params.winners]
        v[params.n_in + order] = 1.0
        return v, z - z[order[-1]]

    def _learn(self, fired: Tensor, teacher: Tensor, prediction: Tensor, rate: float) -> None:
        own, params, hidden = self._tensors, self._params, self._params.n_hidden
        error, kappa = teacher - prediction, params.kappa
        x = own.x[fired][:, None]
        W = self._weights(fired)[:, hidden:]
        eta = rate / (params.beta * float(x.sum()))
        to_teacher = (x - (teacher - kappa * x * W)).abs()
        if params.readout == "softmax":
            change = error.abs() * (1 - 2 * to_teacher)
        else:
            change = (x - (prediction - kappa * x * W)).abs() - to_teacher
        before = own.x_before.nonzero().squeeze(1)
        if hidden:  # all of it with W as it was
            outputs = torch.arange(len(own.x) - params.n_out, len(own.x), device=own.device)
            felt = error @ self._weights(outputs)[:, :hidden]
            near = (1 - params.margin_slope * own.margins.abs()).relu()
            source = own.x_before[before][:, None]
            W_hidden = self._weights(before)[:, :hidden]
            amount = 1 - 2 * (source - ((felt > 0).float() - params.hidden_kappa * source * W_hidden)).abs()
            self._add(before, slice(hidden), rate * params.hidden_ratio * source * felt.abs() * near * amount)
        self._add(fired, slice(hidden, None), eta * x * change)
        self._normalise()

    def _add(self, rows: Tensor, columns: slice, change: Tensor) -> None:
        own = self._tensors
        if own.alive is not None:
            change = change * own.alive[rows, columns]
        own.U[rows, columns] += change / float(own.scale[0])

    def _normalise(self) -> None:
        own = self._tensors
        a, b, frozen_low, frozen_high = map(float, own.scale)
        low, high = torch.stack(own.extremes(own.U, own.alive)).tolist()
        lowest, highest = min(frozen_low, a * low + b), max(frozen_high, a * high + b)
        if (lowest, highest) == (LOW, HIGH) or not highest > lowest:
            return
        factor = (HIGH - LOW) / (highest - lowest)
        own.scale[0] *= factor
        own.scale[1:] = LOW + (own.scale[1:] - lowest) * factor
        if not 0.5 <= own.scale[0] <= 2.0:  # too few bits would be left in U
            own.U.mul_(float(own.scale[0])).add_(float(own.scale[1]))
            if own.alive is not None:
                own.U.masked_fill_(~own.alive, 0.0)
            own.scale[:2] = 1.0, 0.0
