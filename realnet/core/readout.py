"""What the outputs say: from their sums s to values in [0, 1], one form for each who computes them.

    softmax    q = exp(beta s) / sum of exp(beta s)     the outputs share 1
    clamp      q = min(max(beta s, 0), 1)               each for itself

They are of `surprise` and `manifesto`; the outputs of `literal` are a part of its normalised activity. `read` is the
law, and the others are tested against it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from realnet.core._numba import kernel
from realnet.core.state import Float32, Float64, Params

if TYPE_CHECKING:
    from torch import Tensor

LEAK = 0.1  # of the gradient, through an output beyond the range it is read in, and a silent neuron of `literal`


def read(sums: Float64, params: Params) -> Float64:
    """Return q (n_out,) of the sums (n_out,)."""
    own = params.beta * sums
    if params.readout == "clamp":
        return np.clip(own, 0.0, 1.0)
    powers = np.exp(own - own.max())
    return np.asarray(powers / powers.sum())


@kernel
def read_(sums: Float32, beta: float, softmax: bool, prediction: Float32) -> None:
    """Write q into `prediction`. Exponentials in float64, one after the other: the same bits everywhere."""
    if not softmax:
        for j in range(len(sums)):
            prediction[j] = min(max(beta * sums[j], 0.0), 1.0)
        return
    highest = sums[0]
    for j in range(len(sums)):
        highest = max(highest, sums[j])
    total = 0.0
    for j in range(len(sums)):
        power = np.exp(beta * (sums[j] - highest))
        prediction[j] = power
        total += power
    for j in range(len(sums)):
        prediction[j] /= total


def read_tensor(sums: Tensor, params: Params) -> Tensor:
    """Return q (…, n_out) of the sums (…, n_out)."""
    own = params.beta * sums
    return own.softmax(-1) if params.readout == "softmax" else own.clamp(0.0, 1.0)


def read_leaking(sums: Tensor, params: Params) -> Tensor:
    """Return what `read_tensor` does, with some gradient beyond the range, or an output there would be lost."""
    within = read_tensor(sums, params)
    if params.readout == "softmax":
        return within
    beyond = LEAK * (params.beta * sums - within.detach())
    return within + (beyond - beyond.detach())
