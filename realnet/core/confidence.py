"""Ten gains by confidence: what a net says, made as sure as it has proved to be right.

    b = the tenth in which the greatest p lies
    q = softmax(gain_b ln p)                                       said: (1 - floor) q + floor / V
    y came:  ln gain_b += RATE gain_b (ln p_y - sum_k q_k ln p_k)   down the slope of its own surprise, -ln q_y

The net itself learns from p, so its weights are the same whatever the gains are. `sharpen` is the law.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_kernel
from realnet.core.state import Float32, Float64

GAINS = 10
RATE = 0.005
LEAST, MOST = 0.125, 4.0  # of a gain


def sharpen(p: Float64, gains: Float64, floor: float, came: int | None = None) -> Float64:
    """Return what is said for the p (V,) of one token; if it is told which came, a gain learns from it."""
    tenth = min(int(GAINS * p.max()), GAINS - 1)
    powers = np.exp(gains[tenth] * np.log(p / p.max()))
    q = powers / powers.sum()
    if came is not None:
        slope = np.log(p[came]) - (q * np.log(p)).sum()
        gains[tenth] = np.clip(gains[tenth] * np.exp(RATE * gains[tenth] * slope), LEAST, MOST)
    return np.asarray((1 - floor) * q + floor / len(p))


@exact_kernel
def sharpen_(p: Float32, came: NDArray[np.int32], gains: Float64, floor: float, learn: bool) -> None:
    """Write what is said over each row of p (T, V). `came` are the tokens of the first rows; gains may learn them."""
    symbols = p.shape[1]
    logs, q = np.empty(symbols), np.empty(symbols)
    for t in range(len(p)):
        most = p[t].max()
        tenth = min(int(GAINS * most), GAINS - 1)
        gain, total, mean, top = gains[tenth], 0.0, 0.0, np.log(np.float64(most))
        for k in range(symbols):
            logs[k] = np.log(np.float64(p[t, k]))
            q[k] = np.exp(gain * (logs[k] - top))
            total += q[k]
            mean += q[k] * logs[k]
        for k in range(symbols):
            p[t, k] = (1 - floor) * (q[k] / total) + floor / symbols
        if learn and t < len(came):
            step = RATE * gain * (logs[came[t]] - mean / total)
            gains[tenth] = min(max(gain * np.exp(step), LEAST), MOST)
