"""The loop of a fit: epochs with their learning rate, pruning, validation and an early end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from realnet.core.network import RealNet
from realnet.fit_options import check_options
from realnet.training.backprop import Backprop
from realnet.training.rows import Rows, Stream
from realnet.training.schedule import PRUNED, Rates, sparsity_at
from realnet.utils.pruning import SynapticPruner


@dataclass(frozen=True, slots=True)
class Plan:
    """What is chosen of a fit; the words are those of `RealNetTrainer.fit`."""

    epochs: int = field(metadata={"ge": 1})
    batch_size: int = field(metadata={"ge": 1})
    thinking_steps: int
    pruning_threshold: float = field(metadata={"ge": 0})
    target_sparsity: float = field(metadata={"ge": 0, "lt": 1})
    gradient_accumulation_steps: int = field(metadata={"ge": 1})
    patience: int | None = field(metadata={"ge": 1})
    schedule: bool

    def __post_init__(self) -> None:
        check_options(self)
        if self.pruning_threshold and self.target_sparsity:
            raise ValueError("give a pruning_threshold or a target_sparsity, not both")


@dataclass(slots=True)
class Reached:
    """How far a fit has come; changes between two epochs only.

    Attributes:
        epochs: how many there shall be.
        epoch: how many there have been.
        best_model: the state of the model at the end of epoch `best_epoch`, if the fit has patience.
    """

    epochs: int
    epoch: int = 0
    best_loss: float = float("inf")
    best_epoch: int = 0
    best_model: dict[str, Tensor] | None = None


def run(
    plan: Plan,
    reached: Reached,
    backprop: Backprop,
    source: Rows | Stream,
    validate: Callable[[], dict[str, float]] | None,
    seeds: Iterator[int],
    progress: bool,
) -> Iterator[dict[str, float]]:
    """Go on from what is reached, and yield the figures of each epoch after it."""
    model = backprop.model
    with _bar(plan, reached, progress) as advance:
        while reached.epoch < plan.epochs and not _has_waited(plan, reached):
            with _randomness(next(seeds), model.device):
                figures = {"loss": _learn(plan, reached, backprop, source, advance)}
            done = (reached.epoch + 1) / plan.epochs
            if plan.pruning_threshold:
                SynapticPruner.prune(model, plan.pruning_threshold)
            if plan.target_sparsity:
                SynapticPruner.prune_to(model, sparsity_at(done, plan.target_sparsity))
            figures["dead"] = 1.0 - float(model.alive.float().mean())
            if validate is not None:
                figures |= {f"val_{name}": value for name, value in validate().items()}
            reached.epoch += 1
            if plan.patience is not None:
                _compare(
                    reached, figures.get("val_loss", figures["loss"]), model, done if plan.target_sparsity else 1.0
                )
            yield figures
    if reached.best_model is not None:
        model.load_state_dict(reached.best_model)


def _learn(
    plan: Plan, reached: Reached, backprop: Backprop, source: Rows | Stream, advance: Callable[[float], None]
) -> float:
    """One epoch; returns its mean loss."""
    if isinstance(source, Rows):
        count: int | None = -(-len(source) // plan.batch_size)
        order = torch.randperm(len(source)).to(source.x.device)  # drawn on the CPU: one order for every device
        batches = source.batches(plan.batch_size, order)
    else:
        count, batches = source.count(), source.batches()
    rates = Rates(backprop.optimizer)
    alive = backprop.model.alive
    living = max(1, int(alive.sum())) / alive.numel()
    total, rows = torch.zeros((), device=backprop.model.device), 0
    backprop.drop()  # what an interrupted epoch, or a loop of the caller's, left half done
    try:
        for index, batch in enumerate(batches):
            if plan.schedule:
                rates.set((reached.epoch + (index / count if count else 0.0)) / plan.epochs, living)
            loss, counted = backprop.learn(batch, plan.thinking_steps, plan.gradient_accumulation_steps)
            total += loss * counted
            rows += counted
            if count:
                advance(1 / count)
        backprop.finish()
    finally:
        rates.restore()
    if not rows:
        raise ValueError("there is nothing to learn: the data is empty, or masked altogether")
    return float(total) / rows


def _compare(reached: Reached, loss: float, model: RealNet, pruned: float) -> None:
    """Remember the best epoch. A net that is still to be pruned is no candidate: all its synapses would be back."""
    if pruned < PRUNED:
        reached.best_epoch = reached.epoch
    elif loss < reached.best_loss:
        reached.best_loss, reached.best_epoch = loss, reached.epoch
        reached.best_model = {name: value.clone() for name, value in model.state_dict().items()}


def _has_waited(plan: Plan, reached: Reached) -> bool:
    return plan.patience is not None and reached.epoch - reached.best_epoch >= plan.patience


@contextmanager
def _randomness(seed: int, device: torch.device) -> Iterator[None]:
    """All that is drawn inside, also by a DataLoader, is by `seed`; the caller's generator stays where it was."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def _bar(plan: Plan, reached: Reached, shown: bool) -> Iterator[Callable[[float], None]]:
    columns = (TextColumn("epochs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task("", total=plan.epochs, completed=reached.epoch)
        yield lambda epochs: bar.advance(task, epochs)
