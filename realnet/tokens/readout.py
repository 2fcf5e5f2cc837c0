"""The outputs -> what the net says of the next token.

p_k = (1 - 1e-4) q_k + 1e-4 / V          in (0, 1), sum 1, so that every surprise is finite
q = v                                    of `surprise` and `manifesto`, whose outputs are a softmax already
q = softmax((v - mean v) / (2 std v))    of `literal`: standardising undoes the normalisation over the population,
                                         which holds the frame, too; the 2 was measured (5.6 bits a token; 1: 6.7)

A learner says p after `realnet.core.confidence` has made it as sure as it has proved to be right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import kernel
from realnet.core.state import Float32

if TYPE_CHECKING:
    from torch import Tensor

TOP = 5  # how many candidates for the next token an output names
LITERAL_GAIN = 0.5
FLOOR = 1e-4


def probabilities(outputs: Float32, preset: str) -> Float32:
    """Return (T, V) probabilities of (T, V) outputs of step 5."""
    share = outputs.astype(np.float64)
    if preset == "literal":
        share -= share.mean(axis=1, keepdims=True)
        spread = share.std(axis=1, keepdims=True)
        share = np.exp(LITERAL_GAIN * share / np.where(spread > 0, spread, 1.0))
        share /= share.sum(axis=1, keepdims=True)
    return np.asarray(share * (1 - FLOOR) + FLOOR / outputs.shape[1], np.float32)


def log_probabilities(outputs: Tensor, preset: str) -> Tensor:
    """Return log p (…, V), differentiable, of outputs (…, V) of step 5."""
    share = outputs
    if preset == "literal":
        share = outputs - outputs.mean(-1, keepdim=True)
        share = (LITERAL_GAIN * share / (share.square().mean(-1, keepdim=True) + 1e-12).sqrt()).softmax(-1)
    return (share * (1 - FLOOR) + FLOOR / outputs.shape[-1]).log()


@kernel
def best_(probability: Float32, token: NDArray[np.int32], value: Float32) -> None:
    """Write the most probable tokens of each row of (T, V), and how probable, best first, ties by the lowest id."""
    for t in range(len(probability)):
        value[t] = -1.0
        for k in range(probability.shape[1]):
            p = probability[t, k]
            if p > value[t, -1]:
                place = value.shape[1] - 1
                while place > 0 and p > value[t, place - 1]:
                    value[t, place], token[t, place] = value[t, place - 1], token[t, place - 1]
                    place -= 1
                value[t, place], token[t, place] = p, k


def sample(probability: Float32, temperature: float, uniform: float) -> int:
    """Draw one token from (V,) probabilities, sharpened by 1 / temperature; at 0 take the most probable one."""
    if temperature == 0:
        return int(probability.argmax())
    logits = np.log(probability.astype(np.float64)) / temperature
    weights = np.cumsum(np.exp(logits - logits.max()))
    return int(np.searchsorted(weights, uniform * weights[-1], side="right"))
