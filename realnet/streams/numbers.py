"""The parts of a detector as plain numbers, so that it can be kept and goes on exactly."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core.state import Float64


def numbers_of(part: Any) -> Float64:
    """Return all numbers of a dataclass, whose fields are numbers, lists of them or such dataclasses, in order."""
    return np.array(_listed(part), np.float64)


def take_numbers_(part: Any, numbers: NDArray[Any]) -> None:
    """Put into a newborn part what `numbers_of` has returned. Raises ValueError if they are not of such a part."""
    size = len(_listed(part))
    if numbers.dtype != np.float64 or numbers.shape != (size,) or not np.isfinite(numbers).all():
        raise ValueError(f"what is kept of {type(part).__name__} must be {size} finite numbers of float64")
    _take_(part, numbers.tolist())


def _listed(part: Any) -> list[float]:
    listed: list[float] = []
    for each in fields(part):
        had = getattr(part, each.name)
        listed += _listed(had) if is_dataclass(had) else had if isinstance(had, list) else [had]
    return listed


def _take_(part: Any, numbers: list[float]) -> None:
    at = 0
    for each in fields(part):
        had = getattr(part, each.name)
        if is_dataclass(had):
            count = len(_listed(had))
            _take_(had, numbers[at : at + count])
        else:
            count = len(had) if isinstance(had, list) else 1
            setattr(part, each.name, numbers[at : at + count] if isinstance(had, list) else numbers[at])
        at += count
