"""A fork of a live net, fitted by backpropagation through the very ticks that it lives by.

fitted = fit_live(learner.checkpoint(), tokens, FitOptions(epochs=4), print)
learner.net.adopt(fitted.weights, base=fitted.base, alive=fitted.alive)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from realnet.checkpoint import Checkpoint
from realnet.core.network import device_named
from realnet.core.state import Float32
from realnet.training.pair_fit import PairCourse
from realnet.training.schedule import rate_at
from realnet.training.token_fit import TokenCourse
from realnet.training.updates import Updates

Report = Callable[[dict[str, float]], object]


@dataclass(frozen=True, slots=True)
class FitOptions:
    """What is chosen of a fit. A ValueError names what is wrong.

    Attributes:
        epochs: None: as many as suit the data. All other Nones are what suits the net.
        batch_size: tokens or pairs of a gradient.
        thinking_steps: for how many ticks an input of a net of frames is held; the last one's answer counts. At
            least 2, since what comes in reaches the outputs at the next tick. Of a token net each token takes one tick.
        gradient_decay: the share of each update's gradient that is added to the next one's, in [0, 1).
        accumulation: batches of an update.
        pruning_threshold: after every epoch each synapse weaker than this dies.
        loss: None: `cross_entropy` of a token net, which knows no other, `mse` of a net of frames.
        validation: the share of the data that is held out, in [0, 1): the end of a text, of pairs a part drawn by
            the seed. It says something if it is new to the net.
        patience: the fit ends after so many epochs without a lower loss on what is held out.
        seed: of the order of the data.
    """

    epochs: int | None = None
    batch_size: int | None = None
    thinking_steps: int = 2
    learning_rate: float | None = None
    gradient_decay: float = 0.0
    accumulation: int = 1
    pruning_threshold: float = 0.0
    loss: Literal["mse", "cross_entropy"] | None = None
    validation: float = 0.1
    patience: int | None = None
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (
            ("epochs", 1),
            ("batch_size", 1),
            ("thinking_steps", 2),
            ("accumulation", 1),
            ("patience", 1),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}, must be at least {least}")
        if self.learning_rate is not None and not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate is {self.learning_rate}, must be a number above 0")
        if not 0 <= self.pruning_threshold < float("inf"):  # also refuses NaN
            raise ValueError(f"pruning_threshold is {self.pruning_threshold}, must be a number, at least 0")
        for name in ("gradient_decay", "validation"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, must be in [0, 1)")
        if self.loss not in (None, "mse", "cross_entropy"):
            raise ValueError(f"loss is {self.loss!r}, must be mse or cross_entropy")
        if self.patience is not None and not self.validation:
            raise ValueError("patience needs a validation part")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, must be at least 0")


@dataclass(frozen=True, slots=True)
class Fitted:
    """What `LiveNet.adopt` takes, and what it was worth.

    Attributes:
        weights: (N, columns) in [-2, 2], of the epoch with the lowest loss on what is held out, else of the last one.
        base: the same of the fork.
        alive: (N, columns) bool; None: all.
        before: `loss` and, of tokens and classes, `accuracy` of the fork, living through what is held out, or, if
            nothing is, through a tenth of the data, without learning.
        after: the same with `weights`.
        epochs: the epoch that they are of.
    """

    weights: Float32
    base: Float32
    alive: NDArray[np.bool_] | None
    before: dict[str, float]
    after: dict[str, float]
    epochs: int


def fit_live(
    checkpoint: Checkpoint, data: Any, options: FitOptions | None = None, report: Report = lambda figures: None
) -> Fitted:
    """Fit a copy of the learner that made `checkpoint`. The columns that learn are fitted; dead synapses stay dead.

    Args:
        data: of a token net its tokens (T,), integers; of a net of frames a tuple of inputs (n, n_in) and targets
            (n, n_out), all in [0, 1]. Arrays in files (`numpy.memmap`) are never in memory as a whole.
        report: is given, before the first epoch, the figures of the fork, and after every batch `epoch` (how many are
            over), `progress` from 0 to 1, and `loss`, the epoch's mean so far. At the end of an epoch `accuracy`, if
            there is one, is with them, and, if something is held out, `validation_loss` and `validation_accuracy`.
            What it raises ends the fit.

    Raises:
        ValueError: it names what is wrong, before anything is fitted.
    """
    options = FitOptions() if options is None else options
    random = np.random.default_rng(options.seed)
    course = _course(checkpoint, data, options, random)
    optimizer = course.optimizer(options.learning_rate)
    updates, rate = Updates(optimizer, options.gradient_decay), optimizer.param_groups[0]["lr"]
    epochs = options.epochs or course.epochs

    base, before = checkpoint.state().stored_weights(), course.exam()
    report({"epoch": 0, "progress": 0.0, "loss": before["loss"]} | _held_out(before, options))
    best: Fitted | None = None
    for epoch in range(epochs):
        total, rows, right = 0.0, 0, 0.0
        for index, (loss, count, hits) in enumerate(course.losses(random), start=1):
            for group in optimizer.param_groups:
                group["lr"] = rate * rate_at((epoch + (index - 1) / course.updates) / epochs, living=1.0)
            if updates.add(loss, count) >= options.accumulation and updates.step():
                course.constrain_()
            total, rows = total + float(loss.detach()) * count, rows + count
            right += float("nan") if hits is None else hits
            if index < course.updates:
                progress = (epoch + index / course.updates) / epochs
                report({"epoch": epoch, "progress": progress, "loss": total / rows})
        if updates.step():
            course.constrain_()
        if options.pruning_threshold:
            course.prune(options.pruning_threshold)
        figures = course.exam() if options.validation or epoch + 1 == epochs else {}
        if best is None or not options.validation or figures["loss"] < best.after["loss"]:
            weights, alive = course.weights()
            best = Fitted(weights, base, alive, before, figures, epoch + 1)
        ended = {"epoch": epoch + 1, "progress": (epoch + 1) / epochs, "loss": total / rows}
        report(ended | ({} if right != right else {"accuracy": right / rows}) | _held_out(figures, options))
        if options.patience is not None and epoch + 1 - best.epochs >= options.patience:
            break
    assert best is not None
    return best


def _course(
    checkpoint: Checkpoint, data: Any, options: FitOptions, random: np.random.Generator
) -> TokenCourse | PairCourse:
    kind, device = checkpoint.config.get("kind"), device_named(options.device)
    own = Checkpoint(checkpoint.config, {name: array.copy() for name, array in checkpoint.arrays.items()})
    if kind == "tokens":
        if options.loss == "mse":
            raise ValueError("the loss of a token net must be cross_entropy")
        return TokenCourse(own, data, options.validation, options.batch_size, device)
    if kind == "frames":
        return PairCourse(
            *(own, data, options.validation, options.batch_size, device),
            *(options.thinking_steps, options.loss or "mse", random),
        )
    raise ValueError(f"a checkpoint of kind {kind!r}, must be tokens or frames")


def _held_out(figures: dict[str, float], options: FitOptions) -> dict[str, float]:
    return {f"validation_{name}": value for name, value in figures.items()} if options.validation else {}
