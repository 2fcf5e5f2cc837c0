"""What the other values of a row say of one: a linear regression of each on all others, learnt as they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_kernel
from realnet.core.state import Float64
from realnet.streams.numbers import blank, numbers_of, take_numbers_
from realnet.streams.rarity import RARITY, bits_of, learn_number_, number_at

_SLOWEST = 0.003  # of what the means learn of each row
_SETTLED = 100  # rows that are learnt before it is told apart what is far from where the others expect it
_NEAR = 0.05  # usual spreads: what is less far apart than this is not told apart


class Beside(NamedTuple):
    """How a row of places looks, each beside the others; NaN for a value that is missing."""

    apart: Float64  # of each, how far it is from where the others expect it
    filled: Float64  # of each, how far it is from its mean; of a missing one, how far the others expect it


class Others:
    """Running means and covariances of the places of several values, and how rare it is that one is so far from them.

    From these follows the linear regression of each on all others, whichever of them are there.
    """

    def __init__(self, values: int) -> None:
        self._rows, self._mean, self._covariance = np.zeros(1), np.zeros(values), np.zeros((values, values))
        self._rarities = blank(RARITY, values)
        self._rarities["least"] = _NEAR

    def see(self, places: Float64) -> Beside:
        """See a row of places, NaN for what is missing, and change nothing."""
        apart, filled = np.full(len(places), np.nan), np.zeros(len(places))
        regress_(places, self._mean, self._covariance, _NEAR**2, apart, filled)
        return Beside(apart, filled)

    def bits(self, which: int, apart: float) -> float:
        """Return how rare it is that a value is so far from where the others expect it."""
        return float(how_rare(self._rarities, which, abs(apart)))

    def farthest(self, which: int, bits: float) -> float:
        """Return from which distance on it is so rare."""
        return float(how_far(self._rarities, which, bits))

    def learn(self, beside: Beside) -> None:
        """Learn a row that was seen."""
        if self._rows[0] >= _SETTLED:
            learn_all_(self._rarities, beside.apart)
        self._rows += 1
        rate = max(1 / (self._rows[0] + 1), _SLOWEST)
        self._mean += rate * beside.filled
        self._covariance = (1 - rate) * (self._covariance + rate * np.outer(beside.filled, beside.filled))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of all of it, by name."""
        rarities = {f"rarity {number}": numbers_of(each) for number, each in self._each()}
        return {"rows": self._rows.copy(), "mean": self._mean.copy(), "covariance": self._covariance.copy()} | rarities

    def take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` returned; only for a newborn. Raises ValueError or KeyError."""
        for name in ("rows", "mean", "covariance"):
            had, given = getattr(self, f"_{name}"), arrays[name]
            if given.dtype != had.dtype or given.shape != had.shape or not np.isfinite(given).all():
                raise ValueError(f"{name} must be {had.dtype} {had.shape}, all finite")
            setattr(self, f"_{name}", given.copy())
        for number, each in self._each():
            take_numbers_(each, arrays[f"rarity {number}"])

    def _each(self) -> Iterator[tuple[int, NDArray[Any]]]:
        return ((number, self._rarities[number : number + 1]) for number in range(len(self._rarities)))


@exact_kernel
def how_rare(rarities: NDArray[Any], which: int, number: float) -> float:
    return bits_of(rarities[which], number)  # type: ignore[no-any-return]


@exact_kernel
def how_far(rarities: NDArray[Any], which: int, bits: float) -> float:
    return number_at(rarities[which], bits)  # type: ignore[no-any-return]


@exact_kernel
def learn_all_(rarities: NDArray[Any], apart: Float64) -> None:
    """Count in how far each value is apart, NaN for one that is missing."""
    for which in range(len(apart)):
        if not np.isnan(apart[which]):
            learn_number_(rarities[which], abs(apart[which]))


@exact_kernel
def regress_(
    places: Float64, mean: Float64, covariance: Float64, ridge: float, apart: Float64, filled: Float64
) -> None:
    """Write how far each place is from the regression on the others, and from its mean; see `Beside`.

    Both are read from the inverse of the covariance of those that are there: of `i`, the row `i` of it times all
    distances from the means, over its element `i, i`, is what the regression leaves.
    """
    there = np.flatnonzero(~np.isnan(places))
    n = len(there)
    inverse = np.empty((n, n))
    for i in range(n):
        filled[there[i]] = places[there[i]] - mean[there[i]]
        for j in range(n):
            inverse[i, j] = covariance[there[i], there[j]]
        inverse[i, i] += ridge
    for k in range(n):
        pivot = 1.0 / inverse[k, k]
        inverse[k, k] = 1.0
        for j in range(n):
            inverse[k, j] *= pivot
        for i in range(n):
            if i != k:
                factor = inverse[i, k]
                inverse[i, k] = 0.0
                for j in range(n):
                    inverse[i, j] -= factor * inverse[k, j]
    left = np.zeros(n)
    for i in range(n):
        for j in range(n):
            left[i] += inverse[i, j] * filled[there[j]]
        apart[there[i]] = left[i] / inverse[i, i]
    for i in range(len(places)):
        if np.isnan(places[i]):
            for j in range(n):
                filled[i] += covariance[i, there[j]] * left[j]
