"""One batch: its loss, its gradient, and with others of its window one step of the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from realnet.core.network import RealNet
from realnet.training.rows import Rows, hits

Loss = Callable[[Tensor, Tensor], Tensor]


class Backprop:
    """The gradient of an update is the mean over all rows of its batches, plus a share of the last update's gradient.

        g_t = (sum over batches of rows * gradient of the batch's mean loss) / (sum of rows) + decay * g_(t-1)

    So 4 batches of 8 rows are one of 32, and 3 of 8 and one of 5 are one of 29. Of full sequences every step that
    counts is a row.
    """

    def __init__(
        self, model: RealNet, optimizer: torch.optim.Optimizer, loss_fn: Loss | None, decay: float, noise: float
    ) -> None:
        self.model, self.optimizer, self._decay, self._noise = model, optimizer, decay, noise
        self._loss_fn = nn.MSELoss() if loss_fn is None else loss_fn
        self._parameters: list[Tensor] = [each for group in optimizer.param_groups for each in group["params"]]
        self._batches, self._rows = 0, 0  # since the last update
        self._ghosts: list[Tensor | None] = [None] * len(self._parameters)  # decay * g_(t-1)
        # Half as many bits are enough for gradients, and much faster where a GPU has bfloat16; nowhere else.
        self._mixed = model.device.type == "cuda" and torch.cuda.is_bf16_supported()

    def learn(self, rows: Rows, steps: int, wanted: int) -> tuple[Tensor, int]:
        """Add a batch to its window; the `wanted`-th batch of the window updates the weights.

        Returns:
            (its mean loss, a scalar without a gradient; of how many rows).
        """
        self.model.train()
        x = rows.x
        if self._noise:
            x = x + self._noise * torch.randn_like(x)
            if self.model.dynamics == "ffwf":
                x = x.clamp(0.0, 1.0)
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=self._mixed):
            states, _ = self.model(x, steps)
        said, targets = _answers(self.model, states, rows)
        if self._batches == 0:
            self.optimizer.zero_grad()
        loss = self._loss_fn(said, targets) if len(said) else said.sum()  # a mask may leave nothing of a batch
        (loss * len(said)).backward()
        self._batches += 1
        self._rows += len(said)
        if self._batches >= wanted:
            self.finish()
        return loss.detach(), len(said)

    def finish(self) -> None:
        """Update the weights by the batches that are there, if any are."""
        if self._rows:
            for index, parameter in enumerate(self._parameters):
                if parameter.grad is None:
                    continue
                parameter.grad.div_(self._rows)
                if (ghost := self._ghosts[index]) is not None:
                    parameter.grad.add_(ghost)
                if self._decay:
                    self._ghosts[index] = parameter.grad * self._decay
            self.optimizer.step()
            self.model.constrain_()
        self._batches = self._rows = 0

    def drop(self) -> None:
        """Forget the batches that have not updated the weights."""
        self._batches = self._rows = 0

    def score(self, batches: Iterable[Rows], steps: int) -> dict[str, float]:
        """`loss`, the mean over all rows, and, if the targets are classes, `accuracy`."""
        total, count, right = 0.0, 0, 0.0
        with evaluating(self.model):
            for rows in batches:
                said, targets = _answers(self.model, self.model(rows.x, steps)[0], rows)
                if not len(said):
                    continue
                total += len(said) * float(self._loss_fn(said, targets))
                count += len(said)
                hit = hits(said, targets)
                right += float("nan") if hit is None else float(hit.sum())
        if not count:
            raise ValueError("there is nothing to evaluate")
        figures = {"loss": total / count}
        return figures if right != right else figures | {"accuracy": right / count}

    def state_dict(self) -> dict[str, Any]:
        gradients = [parameter.grad if self._batches else None for parameter in self._parameters]
        return {"batches": self._batches, "rows": self._rows, "gradients": gradients, "ghosts": self._ghosts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._batches, self._rows = state["batches"], state["rows"]
        self._ghosts = [_copy_to(each, at) for each, at in zip(state["ghosts"], self._parameters, strict=True)]
        for gradient, parameter in zip(state["gradients"], self._parameters, strict=True):
            parameter.grad = _copy_to(gradient, parameter)


@contextmanager
def evaluating(model: RealNet) -> Iterator[None]:
    """Without dropout and gradients; the model's mode is as it was afterwards."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)


def _answers(model: RealNet, states: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
    """-> what was said (rows that count, n_out) float32, and their targets."""
    if not rows.full_sequence:
        return model.outputs(states[:, -1]).float(), rows.y
    said = model.outputs(states).float()
    if rows.mask is None:
        return said.flatten(0, 1), rows.y.flatten(0, 1)
    return said[rows.mask], rows.y[rows.mask]


def _copy_to(value: Tensor | None, place: Tensor) -> Tensor | None:
    return None if value is None else value.to(place.device, copy=True)
