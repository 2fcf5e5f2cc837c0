"""One batch: its loss, its gradient, and with others of its window one step of the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from realnet.core.network import RealNet
from realnet.training.rows import Rows, hits
from realnet.training.updates import Updates

Loss = Callable[[Tensor, Tensor], Tensor]


class Backprop:
    """Updates as `Updates` makes them. Of full sequences every step that counts is a row."""

    def __init__(
        self, model: RealNet, optimizer: torch.optim.Optimizer, loss_fn: Loss | None, decay: float, noise: float
    ) -> None:
        self.model, self.optimizer, self._noise = model, optimizer, noise
        self._loss_fn = nn.MSELoss() if loss_fn is None else loss_fn
        self._updates = Updates(optimizer, decay)
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
        loss = self._loss_fn(said, targets) if len(said) else said.sum()  # a mask may leave nothing of a batch
        if self._updates.add(loss, len(said)) >= wanted:
            self.finish()
        return loss.detach(), len(said)

    def finish(self) -> None:
        """Update the weights by the batches that are there, if any are."""
        if self._updates.step():
            self.model.constrain_()

    def drop(self) -> None:
        """Forget the batches that have not updated the weights."""
        self._updates.drop()

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
        return self._updates.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._updates.load_state_dict(state)


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
