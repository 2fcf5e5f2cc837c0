"""The optimizer of fits: PyTorch's AdamW, without what its class loads first, 2 s and 150 MB in each fit's process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw


class Adam:
    """AdamW with the betas that PyTorch gives it; like there, a group of `params` may have a `weight_decay`."""

    def __init__(self, groups: Iterable[dict[str, Any]], learning_rate: float) -> None:
        self.param_groups = [
            {"lr": learning_rate, "weight_decay": 0.0} | group | {"params": list(group["params"])} for group in groups
        ]
        self._moments: dict[Tensor, tuple[Tensor, Tensor, Tensor]] = {}  # and the number of steps

    def zero_grad(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move each parameter that has a gradient."""
        for group in self.param_groups:
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            means, squares, steps = zip(*map(self._moments_of, moved), strict=True) if moved else ((), (), ())
            adamw(
                *(moved, [parameter.grad for parameter in moved], list(means), list(squares), [], list(steps)),
                fused=True,
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=1e-8,
                maximize=False,
            )

    def _moments_of(self, parameter: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if parameter not in self._moments:
            none = torch.zeros((), dtype=torch.float32, device=parameter.device)
            self._moments[parameter] = torch.zeros_like(parameter), torch.zeros_like(parameter), none
        return self._moments[parameter]
