"""What the memory carries: a matrix read and written in its place, as a tick of a dense net has to."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from realnet.core._numba import kernel
from realnet.core.state import Float32
from service.speed.timing import Work


def in_place(neurons: int, threads: int = 1) -> Work:
    """Return what multiplies an N x N matrix by one in each turn, on so many threads."""
    matrix = np.ones(neurons * neurons, np.float32)
    if threads == 1:
        return lambda turns: _scale_(matrix, np.float32(1.0), turns)
    parts, pool = np.array_split(matrix, threads), ThreadPoolExecutor(threads)
    return lambda turns: list(pool.map(lambda part: _scale_(part, np.float32(1.0), turns), parts))


def in_place_on(neurons: int, device: str) -> Work:
    """Return the same on a device of PyTorch."""
    import torch

    matrix = torch.ones(neurons, neurons, device=device)

    def scale(turns: int) -> None:
        for _ in range(turns):
            matrix.mul_(1.0)
        torch.cuda.synchronize(device)

    return scale


def bytes_of(neurons: int) -> int:
    """Return how many bytes a turn moves."""
    return 2 * 4 * neurons * neurons


@kernel
def _scale_(values: Float32, factor: Any, turns: int) -> None:
    for _ in range(turns):
        for i in range(len(values)):
            values[i] *= factor
