"""A data set of pairs as ticks: what a net of raw frames is shown, and what its outputs are overwritten with."""

import numpy as np
from numpy.typing import ArrayLike

from realnet.core.state import Float32

LEAST_TICKS = 2  # an input that comes at a tick reaches the outputs at the next


def ticks_of_pairs(inputs: ArrayLike, targets: ArrayLike, ticks: int, held: bool) -> tuple[Float32, Float32]:
    """n pairs -> frames (n * ticks, n_in) and teachers (n * ticks, n_out), `ticks` of them for each pair.

    An input is there at the first of its ticks, or, if `held`, at all of them. Its target is forced at the last, and 0
    at those before, where there should be no output (the manifesto's "Dream Training Step").

    Args:
        inputs: (n, n_in).
        targets: (n, n_out).

    Raises:
        ValueError: `ticks` are fewer than 2.
    """
    if ticks < LEAST_TICKS:
        raise ValueError(f"ticks is {ticks}, must be at least {LEAST_TICKS}")
    shown, wanted = np.asarray(inputs, np.float32), np.asarray(targets, np.float32)
    frames = np.zeros((len(shown), ticks, shown.shape[1]), np.float32)
    teachers = np.zeros((len(wanted), ticks, wanted.shape[1]), np.float32)
    frames[:, : ticks if held else 1] = shown[:, None]
    teachers[:, -1] = wanted
    return frames.reshape(-1, shown.shape[1]), teachers.reshape(-1, wanted.shape[1])
