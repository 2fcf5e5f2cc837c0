"""FFWF, fire forward wire forward: one tick in plain float64 NumPy. This is the law; kernels are tested against it.

    s = Wᵀ x   ->   v   ->   the outputs v[O] are read   ->   a teacher overwrites them   ->   W learns   ->   x = v

`literal_tick` is the manifesto's rule, line by line. `surprise_tick` is the rule of the presets `surprise` and
`manifesto` (kappa = 1, no hidden neurons). Neurons are in the inner order of `core/state.py`: inputs, hidden, outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from realnet.core.readout import read
from realnet.core.state import HIGH, LOW, Float64, Params


@dataclass(slots=True)
class Mind:
    """The whole matrix and the whole state, in float64. A tick makes a new one and leaves the old as it was."""

    W: Float64  # (N, N), source i to target j
    x: Float64  # (N,)
    x_before: Float64  # (N,)
    margins: Float64  # (H,)
    thresholds: Float64  # (H,)
    alive: NDArray[np.bool_]  # (N, N)


def literal_tick(
    mind: Mind, frame: Float64, teacher: Float64 | None, params: Params, rate: float
) -> tuple[Mind, Float64]:
    """Frame `(n_in,)`, teacher `(n_out,)` or None -> the next mind and the outputs `(n_out,)` before the teacher.

    `rate` is plasticity times eta; at 0 W is only read.
    """
    W, x = mind.W, mind.x
    inputs, outputs = params.inputs, params.outputs

    s = x @ W  # 1 collect
    s[inputs] = frame  # 2 input overwrite
    v = np.maximum(0.0, s)  # 3 fire
    v = _min_max(v, 0.0, 1.0) if v.max() > v.min() else np.zeros_like(v)  # 4 value normalisation
    v[inputs] = frame
    prediction = v[outputs].copy()  # 5 read
    if teacher is not None:
        v[outputs] = teacher  # 6 teacher overwrite
    if rate > 0:
        independent = v[None, :] - x[:, None] * W
        W = W + rate * (1 - 2 * np.abs(x[:, None] - independent))  # 7 learn
        W = _normalised(W, mind.alive)  # 8 weight normalisation
    return Mind(W, v, x, mind.margins, mind.thresholds, mind.alive), prediction  # 9 deliver


def literal_tick_together(
    minds: Sequence[Mind],
    frames: Sequence[Float64],
    teachers: Sequence[Float64 | None],
    params: Params,
    rates: Sequence[float],
) -> tuple[list[Mind], list[Float64]]:
    """Have several sessions of one net live a tick: minds over the same W, each with its frame, teacher and rate.

    All do steps 1 to 6 over that W. Then it learns from one after the other (7), but from none that is silent (x = 0
    and v = 0: step 8 would undo it), and is normalised once (8). Of one session this is `literal_tick`.
    """
    told = zip(minds, frames, teachers, strict=True)
    heard = [literal_tick(mind, frame, teacher, params, 0.0) for mind, frame, teacher in told]
    W, learns = minds[0].W, False
    for (after, _), rate in zip(heard, rates, strict=True):
        x, v = after.x_before, after.x
        if rate > 0 and (x.any() or v.any()):
            independent = v[None, :] - x[:, None] * W
            W, learns = W + rate * (1 - 2 * np.abs(x[:, None] - independent)), True
    if learns:
        W = _normalised(W, minds[0].alive)
    return [replace(after, W=W) for after, _ in heard], [prediction for _, prediction in heard]


def surprise_tick(
    mind: Mind, frame: Float64, teacher: Float64 | None, params: Params, rate: float
) -> tuple[Mind, Float64]:
    """The same, for the presets whose amount is FFWF's times the surprise of the neuron that is overwritten.

    `rate` is plasticity times c, the change of an output's log-odds, per unit of its surprise, if the state came again.
    """
    W, x, kappa = mind.W, mind.x, params.kappa
    inputs, hidden, outputs = params.inputs, params.hidden, params.outputs

    s, activity = x @ W, x.sum()  # 1 collect
    prediction = read(s[outputs], params)  # 2 own value of the outputs
    v = np.zeros_like(x)
    margins = np.zeros_like(mind.margins)
    if activity > 0 and params.n_hidden:  # 3 compete
        z = s[hidden] - mind.thresholds
        winners = np.argsort(-z, kind="stable")[: params.winners]
        v[hidden][winners] = 1.0
        margins = z - z[winners[-1]]
    v[inputs] = frame  # 4 input overwrite
    if teacher is not None:
        v[outputs] = teacher  # 5 teacher overwrite
    thresholds = mind.thresholds
    if teacher is not None and activity > 0 and rate > 0:  # 6 learn
        error = teacher - prediction
        eta = rate / (params.beta * activity)
        W_old, W = W, W.copy()
        to_outputs = np.abs(x[:, None] - (teacher - kappa * x[:, None] * W_old[:, outputs]))
        if params.readout == "softmax":
            change = np.abs(error) * (1 - 2 * to_outputs)
        else:  # what it was made to be against what it would have been: graded teachers, too
            change = np.abs(x[:, None] - (prediction - kappa * x[:, None] * W_old[:, outputs])) - to_outputs
        W[:, outputs] += eta * x[:, None] * change

        felt = error @ W_old[outputs, hidden]
        near = np.maximum(0.0, 1 - params.margin_slope * np.abs(mind.margins))
        wished = (felt > 0).astype(float)
        source = mind.x_before[:, None]
        to_hidden = np.abs(source - (wished - params.hidden_kappa * source * W_old[:, hidden]))
        W[:, hidden] += rate * params.hidden_ratio * source * np.abs(felt) * near * (1 - 2 * to_hidden)
        W = _normalised(W, mind.alive)  # 7 weight normalisation
        thresholds = thresholds + params.threshold_rate * (s[hidden] - thresholds)  # 8 thresholds
    return Mind(W, v, x, margins, thresholds, mind.alive), prediction  # 9 deliver


def _normalised(W: Float64, alive: NDArray[np.bool_]) -> Float64:
    """All living weights to [-2, 2] by min-max; untouched where they are equal; dead ones are 0."""
    living = W[alive]
    if living.size and living.max() > living.min():
        living = _min_max(living, LOW, HIGH)
    normalised = np.zeros_like(W)
    normalised[alive] = living
    return normalised


def _min_max(values: Float64, low: float, high: float) -> Float64:
    lowest, highest = values.min(), values.max()
    return np.asarray(low + (values - lowest) * ((high - low) / (highest - lowest)))
