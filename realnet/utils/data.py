"""What goes into a model: lists, arrays and tensors become checked float32 tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def to_tensor(values: Any, name: str = "values", device: str | torch.device = "cpu") -> Tensor:
    """Nested lists, an array or a tensor -> float32 on `device`, with the first dimension the rows.

    Raises ValueError, by `name`, where it is empty, ragged, not of numbers or not finite.
    """
    if isinstance(values, Tensor):
        tensor = values.detach().to(device, torch.float32)
    else:
        if isinstance(values, Sequence) and values and isinstance(values[0], Tensor):
            values = [value.tolist() for value in values]
        try:
            array = np.array(values, np.float32)  # a copy: the caller's array stays the caller's
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must be an array of numbers whose rows have one length: {error}") from error
        tensor = torch.from_numpy(array).to(device)
    if tensor.ndim == 0 or tensor.numel() == 0:
        raise ValueError(f"{name} is empty: its shape is {tuple(tensor.shape)}")
    if not tensor.isfinite().all():
        raise ValueError(f"{name}{_place(tensor)} is not finite")
    return tensor


def to_pair(
    features: Any, targets: Any, device: str | torch.device = "cpu", names: tuple[str, str] = ("features", "targets")
) -> tuple[Tensor, Tensor]:
    """Both as `to_tensor` makes them, one row of targets for each of features. Raises ValueError."""
    x, y = to_tensor(features, names[0], device), to_tensor(targets, names[1], device)
    if len(x) != len(y):
        raise ValueError(f"there are {len(x)} rows of {names[0]} and {len(y)} of {names[1]}")
    return x, y


def one_hot(labels: Any, classes: int, low: float = -1.0, high: float = 1.0) -> Tensor:
    """Labels (rows,) in 0 to classes - 1 -> (rows, classes): `high` at the label, `low` elsewhere. Raises ValueError.

    The defaults suit `temporal` dynamics, whose values are in (-1, 1); for `ffwf` take 0 and 1.
    """
    indices = to_tensor(labels, "labels")
    if indices.ndim != 1 or (indices != indices.round()).any() or indices.min() < 0 or indices.max() >= classes:
        raise ValueError(f"labels must be one row of whole numbers from 0 to {classes - 1}")
    encoded = torch.full((len(indices), classes), low)
    return encoded.scatter_(1, indices.long()[:, None], high)


def _place(tensor: Tensor) -> list[int]:
    return (~tensor.isfinite()).nonzero()[0].tolist()
