"""One step of a RealNet in PyTorch, batched and differentiable. `temporal` is the library's, `ffwf` the live net's.

    temporal    h_t = tanh(h_{t-1} W + B + u_t)
    ffwf        a live tick (`core/ffwf.py`) of its preset without learning: plasticity 0, no teacher

Shapes: a state x or h is `(batch, N)`, a frame `(batch, n_in)`. The matrix is W itself or, of a sparse net, Wᵀ in CSR.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from realnet.core.readout import LEAK, read_leaking
from realnet.core.state import Params


def arrivals(items: int, steps: int, pulse_mode: bool) -> list[int | None]:
    """Which item of a sequence enters at each of `steps` steps; None: silence.

    Item t enters at step `t * (steps // items)`. As a pulse it is there for this step only, else until the next one
    comes, the last one to the end. Raises ValueError if there are more items than steps.
    """
    if items > steps:
        raise ValueError(f"steps is {steps}, but the sequence has {items} items, which take one step each")
    gap = steps // items
    entering: list[int | None] = []
    for step in range(steps):
        item, waited = divmod(step, gap)
        if pulse_mode:
            entering.append(item if waited == 0 and item < items else None)
        else:
            entering.append(min(item, items - 1))
    return entering


def temporal_step(h: Tensor, matrix: Tensor, drive: Tensor) -> Tensor:
    """-> tanh(h W + drive), where the drive, (N,) or (batch, N), is B + u. With CSR h may be a single row (N,), too."""
    if matrix.layout != torch.sparse_csr:
        return torch.addmm(drive, h, matrix).tanh_()
    # tanh(s) = 2 sigmoid(2 s) - 1, within 1e-7. With few synapses PyTorch's tanh would take as long as the product.
    if h.ndim == 1:
        twice = torch.addmv(drive, matrix, h, alpha=2, beta=2)
    else:
        twice = torch.addmm(drive.expand_as(h).t(), matrix, h.t(), alpha=2, beta=2).t()
    return twice.sigmoid_().mul_(2).sub_(1)


def stacked(states: list[Tensor]) -> Tensor:
    """States (…, N) -> (…, steps, N). The batches of a sparse net lie transposed in memory, and so they stay."""
    if states[-1].is_contiguous():
        return torch.stack(states, -2)
    return torch.stack([state.t() for state in states]).permute(2, 0, 1)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the inputs, hidden neurons and outputs stand in the caller's numbering: int64 indices on the device."""

    inputs: Tensor
    hidden: Tensor
    outputs: Tensor


def literal_step(x: Tensor, matrix: Tensor, frame: Tensor, places: Places) -> Tensor:
    """The preset `literal`, steps 1 to 5: -> v `(batch, N)` in [0, 1], read and delivered alike."""
    v = fire(_collect(x, matrix).index_copy(1, places.inputs, frame))
    low, high = v.amin(1, keepdim=True), v.amax(1, keepdim=True)
    span = high - low
    v = (v - low) / torch.where(span > 0, span, 1.0)  # where all are equal, v - low is 0 already
    return v.index_copy(1, places.inputs, frame)


def fire(s: Tensor) -> Tensor:
    """-> max(0, s), any shape.

    The gradient of a silent neuron is a tenth of what it would be if it fired: one that is silent for all that comes
    would otherwise have none, and be lost for good.
    """
    below = LEAK * s.clamp(max=0.0)
    return s.relu() + (below - below.detach())


def surprise_step(
    x: Tensor, matrix: Tensor, frame: Tensor, thresholds: Tensor, places: Places, params: Params
) -> tuple[Tensor, Tensor]:
    """The presets `surprise` and `manifesto`, steps 1 to 4: -> what is read and what is delivered, `(batch, N)` each.

    They differ at the outputs: the prediction is read and, without a teacher, 0 is delivered. `thresholds` is (H,).
    """
    sums = _collect(x, matrix)
    delivered = torch.zeros_like(sums)
    if params.n_hidden:
        active = x.sum(1, keepdim=True) > 0
        fired = compete(sums[:, places.hidden] - thresholds, params) * active
        delivered = delivered.index_copy(1, places.hidden, fired)
    delivered = delivered.index_copy(1, places.inputs, frame)
    prediction = read_leaking(sums[:, places.outputs], params)
    return delivered.index_copy(1, places.outputs, prediction), delivered


def _collect(x: Tensor, matrix: Tensor) -> Tensor:
    """-> s = x W, a new tensor."""
    if matrix.layout != torch.sparse_csr:
        return x @ matrix
    if len(x) == 1:
        return (matrix @ x[0])[None]  # a matrix times a vector takes half the time of one times a (N, 1) matrix
    return (matrix @ x.t()).t()


def compete(z: Tensor, params: Params) -> Tensor:
    """1 for the k largest of each row of `z` `(batch, H)`, ties to the lowest index, else 0.

    Straight through: the gradient passes where a neuron was near the threshold of winning, through the same window
    max(0, 1 - b |m|) through which a live net's hidden neurons learn.
    """
    order = z.detach().sort(dim=1, descending=True, stable=True)
    hard = torch.zeros_like(z).scatter(1, order.indices[:, : params.winners], 1.0)
    margins = z.detach() - order.values[:, params.winners - 1 : params.winners]
    soft = z * (1 - params.margin_slope * margins.abs()).relu()
    return hard + (soft - soft.detach())
