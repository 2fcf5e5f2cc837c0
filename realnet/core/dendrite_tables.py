"""Numbers that every net of dendrites shares: rates by uses, and ln and exp in steps.

They are the same bits on every machine: libraries of mathematics differ in the last bit, so the transcendental ones are
computed in decimal digits, correctly rounded.
"""

from decimal import Decimal, localcontext
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core.state import Float32

STEPS = 4096  # of a probability in `stretch`
SPAN = 12  # `squash` holds -SPAN to SPAN, in STEPS steps
USES = 256  # of a synapse, a reflex or a trust are counted up to USES - 1
FLAT = 60  # a synapse's rate falls up to so many uses
SAYINGS = 40  # steps of what a synapse says, each 1/2, from -9.1 on
GAIN_USES = 8192
MAP_USES = 1024


class Tables(NamedTuple):
    stretch: Float32  # (STEPS,) ln(p / (1 - p)) at p = (i + 1/2) / STEPS
    squash: Float32  # (STEPS + 2,) 1 / (1 + exp(-z)), z = -SPAN + 2 SPAN i / STEPS
    synapse_rate: NDArray[np.int64]  # (USES,) in 1/65536
    reflex_rate: Float32  # (USES,)
    confidence: Float32  # (USES,) how far a synapse with so many uses is believed
    map_rate: Float32  # (MAP_USES,)
    belief_row: NDArray[np.int64]  # (USES,) where the beliefs of a synapse with so many uses begin


@cache
def tables() -> Tables:
    """Return them; they are computed at the first call, in some 50 ms."""
    uses = np.arange(USES)
    return Tables(
        stretch=_odd([_logit(Decimal(2 * i + 1) / (2 * STEPS)) for i in range(STEPS // 2)]),
        squash=sigmoids(Decimal(2 * SPAN) / STEPS, range(-STEPS // 2, STEPS // 2 + 2)),
        synapse_rate=(65536 / (np.minimum(uses, FLAT) + 1.5)).astype(np.int64),
        reflex_rate=(1 / (uses + 1.6)).astype(np.float32),
        confidence=(uses / (uses + 0.3)).astype(np.float32),
        map_rate=(0.02 + 0.5 / (np.arange(MAP_USES) + 1.5)).astype(np.float32),
        belief_row=SAYINGS * np.searchsorted((2, 3, 4, 6, 10, 20, 40, 60, 120, 250), uses, side="right"),
    )


def gain_rates(first: float, fall: float, last: float) -> Float32:
    """Return (GAIN_USES,) the rate of a row of gains by its uses: from `first` down to `last`."""
    rates: Float32 = np.maximum(last, first / (1 + fall * np.arange(GAIN_USES))).astype(np.float32)
    return rates


def sigmoids(step: Decimal, numbers: range) -> Float32:
    """Return 1 / (1 + exp(-z)) at z = step times each number, correctly rounded."""
    with localcontext(prec=20):
        return np.array([float(1 / (1 + (-step * number).exp())) for number in numbers], np.float32)


def _logit(p: Decimal) -> float:
    with localcontext(prec=20):
        return float((p / (1 - p)).ln())


def _odd(half: list[float]) -> Float32:
    """Return `half`, and then the same backwards with the sign turned."""
    first = np.array(half, np.float32)
    return np.concatenate([first, -first[::-1]])
