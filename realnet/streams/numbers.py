"""The parts of a detector as records of plain numbers: kernels change them, and what is kept of them goes on exactly.

A record is an array of one element, or of several alike, whose fields are float64, arrays of it, or such records.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import IS_PLAIN
from realnet.core.state import Float64


def blank(fields: np.dtype[Any], count: int = 1) -> NDArray[Any]:
    """Return records of zeros, whose fields a kernel has as attributes."""
    records = np.zeros(count, fields)
    return records.view(np.recarray) if IS_PLAIN else records


def numbers_of(records: NDArray[Any]) -> Float64:
    """Return a copy of all numbers of records, in order."""
    return records.view(np.float64).copy()


def take_numbers_(records: NDArray[Any], numbers: NDArray[Any]) -> None:
    """Put into records what `numbers_of` has returned. Raises ValueError if they are not of such ones."""
    had = records.view(np.float64)
    if numbers.dtype != np.float64 or numbers.shape != had.shape or not np.isfinite(numbers).all():
        raise ValueError(f"there must be {had.size} finite numbers of float64")
    had[:] = numbers
