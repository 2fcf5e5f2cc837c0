"""A fork of a live net, fitted by backpropagation through the very ticks that it lives by.

fitted = fit_live(learner.checkpoint(), tokens, FitOptions(epochs=4), print)
learner.net.adopt(fitted.weights, base=fitted.base, alive=fitted.alive)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from realnet.checkpoint import Checkpoint
from realnet.core.network import device_named
from realnet.core.state import Float32
from realnet.fit_options import FitOptions
from realnet.training.dendrite_fit import DendriteCourse
from realnet.training.pair_fit import PairCourse
from realnet.training.schedule import Rates
from realnet.training.token_fit import TokenCourse
from realnet.training.updates import Updates

Course: TypeAlias = TokenCourse | PairCourse | DendriteCourse
Report = Callable[[dict[str, float]], object]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The result of a fit: what `LiveNet.adopt` or `DendriteNet.refit` takes, and what it was worth.

    Attributes:
        weights: (N, columns) in [-2, 2], or what `DendriteNet.refit` takes, of the epoch with the lowest loss on what
            is held out, else of the last one.
        base: the same of the fork.
        alive: (N, columns) bool; None: all.
        before: `loss` and, of tokens and classes, `accuracy` of the fork, living through what is held out, or, if
            nothing is, through a tenth of the data, without learning. A fork of dendrites learns there, as the net
            would, and tells `bits` as well.
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
    updates, rates = Updates(optimizer, options.gradient_decay), Rates(optimizer)
    epochs = options.epochs or course.epochs

    is_of_gains = isinstance(course, DendriteCourse)
    base = course.weights()[0] if is_of_gains else checkpoint.state().stored_weights()
    before = course.exam()
    report({"epoch": 0, "progress": 0.0, "loss": before["loss"]} | _held_out(before, options))
    best: Fitted | None = None
    for epoch in range(epochs):
        ended = {"epoch": epoch + 1, "progress": (epoch + 1) / epochs}
        ended |= _learn(course, updates, rates, options.accumulation, random, epoch, epochs, report)
        if options.pruning_threshold:
            course.prune(options.pruning_threshold)
        figures = course.exam() if options.validation or epoch + 1 == epochs else {}
        if best is None or not options.validation or figures["loss"] < best.after["loss"]:
            weights, alive = course.weights()
            best = Fitted(weights, base, alive, before, figures, epoch + 1)
        report(ended | _held_out(figures, options))
        if options.patience is not None and epoch + 1 - best.epochs >= options.patience:
            break
    assert best is not None, "a fit has at least one epoch"
    return best


def _learn(
    course: Course,
    updates: Updates,
    rates: Rates,
    accumulation: int,
    random: np.random.Generator,
    epoch: int,
    epochs: int,
    report: Report,
) -> dict[str, float]:
    """Run one epoch. Returns its mean `loss` and, if there is one, `accuracy`."""
    total, rows, right = 0.0, 0, 0.0
    for index, (loss, count, hits) in enumerate(course.losses(random), start=1):
        rates.set((epoch + (index - 1) / course.updates) / epochs)
        if updates.add(loss, count) >= accumulation and updates.step():
            course.constrain_()
        total, rows = total + float(loss.detach()) * count, rows + count
        right += float("nan") if hits is None else hits
        if index < course.updates:
            progress = (epoch + index / course.updates) / epochs
            report({"epoch": epoch, "progress": progress, "loss": total / rows})
    if updates.step():
        course.constrain_()
    return {"loss": total / rows} | ({} if right != right else {"accuracy": right / rows})


def _course(checkpoint: Checkpoint, data: Any, options: FitOptions, random: np.random.Generator) -> Course:
    kind, device = checkpoint.config.get("kind"), device_named(options.device)
    if kind in ("tokens", "dendrites") and options.loss == "mse":
        raise ValueError("the loss of a token net must be cross_entropy")
    own = Checkpoint(checkpoint.config, {name: array.copy() for name, array in checkpoint.arrays.items()})
    if kind == "tokens":
        return TokenCourse(own, data, options.validation, options.batch_size, device)
    if kind == "frames":
        return PairCourse(
            *(own, data, options.validation, options.batch_size, device),
            *(options.thinking_steps, options.loss or "mse", random),
        )
    if kind == "dendrites":
        if options.pruning_threshold:
            raise ValueError("a net of dendrites has no synapses to prune: leave pruning_threshold out")
        return DendriteCourse(checkpoint, data, options.validation, options.batch_size, device)
    raise ValueError(f"a checkpoint of kind {kind!r}, must be tokens, frames or dendrites")


def _held_out(figures: dict[str, float], options: FitOptions) -> dict[str, float]:
    return {f"validation_{name}": value for name, value in figures.items()} if options.validation else {}
