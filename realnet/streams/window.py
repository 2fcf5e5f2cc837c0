"""The last numbers of a row of them, as a record that kernels change."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel


def window(size: int) -> np.dtype[Any]:
    """Return what is kept of so many numbers: they, and how many have been seen."""
    return np.dtype([("numbers", "f8", (size,)), ("seen", "f8")])


def in_order(kept: NDArray[Any]) -> list[float]:
    """Return the numbers of a window, oldest first."""
    numbers, seen = kept["numbers"][0].tolist(), int(kept["seen"][0])
    if seen < len(numbers):
        return numbers[:seen]  # type: ignore[no-any-return]
    at = seen % len(numbers)
    return numbers[at:] + numbers[:at]  # type: ignore[no-any-return]


@exact_inlined_kernel
def add_(kept: Any, number: float) -> None:
    """Put a number in the place of the oldest."""
    kept.numbers[int(kept.seen) % len(kept.numbers)] = number
    kept.seen += 1


@exact_inlined_kernel
def fill_(kept: Any, number: float) -> None:
    """Begin anew with one number in every place."""
    kept.numbers[:] = number
    kept.seen = len(kept.numbers)


@exact_inlined_kernel
def clear_(kept: Any) -> None:
    """Begin anew with none."""
    kept.numbers[:] = 0
    kept.seen = 0


@exact_inlined_kernel
def mean_of(kept: Any) -> float:
    """Return the mean of those that there are; NaN if there is none."""
    return float(_sum(kept) / min(int(kept.seen), len(kept.numbers))) if kept.seen > 0 else np.nan


@exact_inlined_kernel
def mean_with(kept: Any, number: float) -> float:
    """Return the mean once the next number has come."""
    return float((_others(kept) + number) / min(int(kept.seen) + 1, len(kept.numbers)))


@exact_inlined_kernel
def needed(kept: Any, mean: float) -> float:
    """Return the next number that makes the mean so large."""
    return float(mean * min(int(kept.seen) + 1, len(kept.numbers)) - _others(kept))


@exact_inlined_kernel
def _others(kept: Any) -> float:
    oldest: float = kept.numbers[int(kept.seen) % len(kept.numbers)]  # 0 as long as there is room
    return float(_sum(kept)) - oldest


@exact_inlined_kernel
def _sum(kept: Any) -> float:
    total = 0.0
    for number in kept.numbers:
        total += number
    return total
