"""A small RealNet, its trainer, and rows to learn."""

from typing import Any

import torch
from torch import Tensor

from realnet.core.network import RealNet
from realnet.training import RealNetTrainer


def model_of(seed: int = 0, **options: Any) -> RealNet:
    """Create a net of 4 inputs, 5 hidden neurons and 3 outputs."""
    return RealNet(12, range(4), range(9, 12), seed=seed, **options)


def trainer_of(model: RealNet | None = None, **options: Any) -> RealNetTrainer:
    """Create a trainer, by default of a new model and with seed 1."""
    return RealNetTrainer(model_of() if model is None else model, **({"seed": 1} | options))


def some_rows(rows: int = 60, seed: int = 3) -> tuple[Tensor, Tensor]:
    """Return features, (rows, 4), and classes, (rows,): which of the first three features is the largest."""
    x = torch.rand(rows, 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return x, x[:, :3].argmax(1)


def fit(trainer: RealNetTrainer, *data: Any, **options: Any) -> dict[str, list[float]]:
    """Fit to the data, by default `some_rows`, for 8 epochs by default."""
    return trainer.fit(*(data or some_rows()), **({"epochs": 8, "batch_size": 16, "progress": False} | options))


def same_weights(one: RealNetTrainer, other: RealNetTrainer) -> bool:
    """Whether the models of two trainers have the same weights, bit by bit."""
    state, others = one.model.state_dict(), other.model.state_dict()
    return all(torch.equal(value, others[name]) for name, value in state.items())
