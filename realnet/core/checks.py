"""Checks of what comes from outside, whoever hands it over: a ValueError names what is wrong."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_ROUNDING = 1e-5  # of a U + b in float32, beyond the range of W

_BOUNDS = {
    "ge": (operator.ge, "at least"),
    "gt": (operator.gt, "above"),
    "le": (operator.le, "at most"),
    "lt": (operator.lt, "below"),
}


def is_whole(value: object) -> bool:
    """Return whether this is a whole number; a bool isn't."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Return whether this is a finite number; a bool isn't."""
    kinds = int | float | np.integer | np.floating
    return isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)


def check_bounds(name: str, value: Any, bounds: Mapping[str, float]) -> None:
    """Raise ValueError if this is no number within the bounds: of `ge`, `gt`, `le` and `lt` those that are there."""
    if not (is_number(value) and all(_BOUNDS[each][0](value, bound) for each, bound in bounds.items())):
        wanted = " and ".join(f"{_BOUNDS[each][1]} {bound:.10g}" for each, bound in bounds.items())
        raise ValueError(f"{name} is {value}, must be a number {wanted}")


def checked_rate(value: Any) -> float:
    """Return a learning rate. Raises ValueError if it is none."""
    if not (is_number(value) and 0 <= value <= 1e6):
        raise ValueError("learning_rate must be a number from 0 to 1e6")
    return float(value)


def check_ids(num_neurons: int, input_ids: Sequence[int], output_ids: Sequence[int]) -> None:
    """Raise ValueError if these are not the inputs and outputs of a net."""
    if not is_whole(num_neurons):
        raise ValueError(f"num_neurons is {num_neurons!r}, must be a whole number")
    for name, ids in (("input_ids", input_ids), ("output_ids", output_ids)):
        if not ids:
            raise ValueError(f"{name} is empty")
        if len(set(ids)) < len(ids):
            raise ValueError(f"{name} names a neuron twice")
        if min(ids) < 0 or max(ids) >= num_neurons:
            raise ValueError(f"{name} has a neuron outside 0 to {num_neurons - 1}")
    both = set(input_ids) & set(output_ids)
    if both:
        raise ValueError(f"neuron {min(both)} is both an input and an output")


def checked_weights(name: str, values: ArrayLike, shape: tuple[int, int], most: float) -> NDArray[np.float32]:
    """Return a copy, float32 in [-most, most]. Raises ValueError."""
    weights = np.array(values, np.float32)
    if weights.shape != shape:
        raise ValueError(f"{name} has shape {weights.shape}, must be {shape}")
    if not (np.abs(weights) <= most + _ROUNDING).all():  # also refuses NaN
        raise ValueError(f"{name} must be numbers in [{-most:g}, {most:g}]")
    return np.clip(weights, -most, most, out=weights)


def checked_rows(name: str, values: ArrayLike, width: int, nan_rows: bool) -> NDArray[np.float32]:
    """Return (T, width) float32 in [0, 1]; if `nan_rows`, a row may be NaN as a whole. Raises ValueError."""
    try:
        array = np.require(values, np.float32, ["C", "W"])  # kernels are compiled for arrays that can be written
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers of shape (T, {width})") from error
    if array.ndim != 2 or array.shape[1] != width:
        raise ValueError(f"{name} has shape {array.shape}, must be (T, {width})")
    allowed = (array >= 0) & (array <= 1)  # also refuses NaN and infinity
    if nan_rows:
        allowed |= np.isnan(array).all(axis=1, keepdims=True)
    if not allowed.all():
        t, i = np.argwhere(~allowed)[0]
        raise ValueError(f"{name}[{t}, {i}] must be a number in [0, 1]" + (" (or all of the row NaN)" * nan_rows))
    return array
