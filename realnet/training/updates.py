"""From gradients to steps of an optimizer: what every way of fitting shares."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from realnet.training.adam import Adam


class Updates:
    """The gradient of an update is the mean over all rows of its batches, plus a share of the last update's gradient.

        g_t = (sum over batches of rows * gradient of the batch's mean loss) / (sum of rows) + decay * g_(t-1)

    So 4 batches of 8 rows are one of 32, and 3 of 8 and one of 5 are one of 29.
    """

    def __init__(self, optimizer: torch.optim.Optimizer | Adam, decay: float) -> None:
        self.optimizer, self._decay = optimizer, decay
        self._parameters: list[Tensor] = [each for group in optimizer.param_groups for each in group["params"]]
        self._batches, self._rows = 0, 0  # since the last update
        self._ghosts: list[Tensor | None] = [None] * len(self._parameters)  # decay * g_(t-1)

    def add(self, loss: Tensor, rows: int) -> int:
        """Add a batch of so many rows by its mean loss; returns how many batches the update has by now."""
        if self._batches == 0:
            self.optimizer.zero_grad()
        (loss * rows).backward()
        self._batches += 1
        self._rows += rows
        return self._batches

    def step(self) -> bool:
        """Update the weights by the batches that are there, if any are; whether there were."""
        updates = self._rows > 0
        if updates:
            for index, parameter in enumerate(self._parameters):
                if parameter.grad is None:
                    continue
                parameter.grad.div_(self._rows)
                if (ghost := self._ghosts[index]) is not None:
                    parameter.grad.add_(ghost)
                if self._decay:
                    self._ghosts[index] = parameter.grad * self._decay
            self.optimizer.step()
        self.drop()
        return updates

    def drop(self) -> None:
        """Forget the batches that have not updated the weights."""
        self._batches = self._rows = 0

    def state_dict(self) -> dict[str, Any]:
        gradients = [parameter.grad if self._batches else None for parameter in self._parameters]
        return {"batches": self._batches, "rows": self._rows, "gradients": gradients, "ghosts": self._ghosts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._batches, self._rows = state["batches"], state["rows"]
        self._ghosts = [_copy_to(each, at) for each, at in zip(state["ghosts"], self._parameters, strict=True)]
        for gradient, parameter in zip(state["gradients"], self._parameters, strict=True):
            parameter.grad = _copy_to(gradient, parameter)


def _copy_to(value: Tensor | None, place: Tensor) -> Tensor | None:
    return None if value is None else value.to(place.device, copy=True)
