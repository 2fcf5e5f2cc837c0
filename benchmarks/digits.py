"""scikit-learn's digits, 74 neurons, none hidden: `python -m benchmarks.digits`.

Five stratified splits, 80/20, random_state 0 to 4; nothing was tuned on them (that was done on 10 to 14).
"""

import argparse
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from realnet import RealNet, RealNetTrainer


@dataclass(frozen=True)
class Choice:
    """Arguments of the model, the trainer and `fit`."""

    model: dict[str, Any] = field(default_factory=dict)
    trainer: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)


STREAM = {"dynamics": "ffwf", "pulse_mode": False}
CHOICES = {
    "temporal, defaults alone": Choice(),
    "temporal, noise .3": Choice(trainer={"input_noise": 0.3}),
    "temporal, noise .3, 100 epochs": Choice(trainer={"input_noise": 0.3}, fit={"epochs": 100}),
    "temporal, dropout .1": Choice(model={"dropout_rate": 0.1}),
    "temporal, stream": Choice(model={"pulse_mode": False}),
    "ffwf (literal), pulse": Choice(model={"dynamics": "ffwf"}),
    "ffwf (literal), stream": Choice(model=STREAM),
    "ffwf (literal), stream, noise .1": Choice(model=STREAM, trainer={"input_noise": 0.1}),
    "ffwf (surprise), 2 steps": Choice(model={"dynamics": "ffwf", "preset": "surprise"}, fit={"thinking_steps": 2}),
}
PRUNED = {
    "dense": Choice(trainer={"input_noise": 0.3}, fit={"epochs": 100}),
    **{
        f"target sparsity {share:g}": Choice(
            trainer={"input_noise": 0.3}, fit={"epochs": 100, "target_sparsity": share}
        )
        for share in (0.5, 0.8, 0.9, 0.95)
    },
    "threshold 0.01": Choice(trainer={"input_noise": 0.3}, fit={"epochs": 100, "pruning_threshold": 0.01}),
    "threshold 0.05": Choice(trainer={"input_noise": 0.3}, fit={"epochs": 100, "pruning_threshold": 0.05}),
}


def accuracy(choice: Choice, split: int) -> tuple[float, float, float]:
    """-> test and training accuracy in percent, share of dead synapses."""
    data = load_digits()
    x = data.data / 16 if choice.model.get("dynamics") == "ffwf" else data.data / 8 - 1
    x, x_test, y, y_test = train_test_split(x, data.target, test_size=0.2, stratify=data.target, random_state=split)
    model = RealNet(74, range(64), range(64, 74), seed=split, **choice.model)
    trainer = RealNetTrainer(model, seed=split, **choice.trainer)
    history = trainer.fit(x, y, batch_size=32, progress=False, **({"epochs": 50} | choice.fit))
    steps = choice.fit.get("thinking_steps", 5)
    scores = [100 * trainer.evaluate(*rows, steps)["accuracy"] for rows in ((x_test, y_test), (x, y))]
    return scores[0], scores[1], history["dead"][-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("learnt", "pruned"), action="append", help="all, if left out")
    parser.add_argument("--first-split", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    splits = range(options.first_split, options.first_split + 5)
    for part in options.part or ("learnt", "pruned"):
        table = Table(
            f"digits, {part}", "test, mean", "worst split", "of the first row", "training", "dead", "CPU s/fit"
        )
        first = 0.0
        for name, choice in (CHOICES if part == "learnt" else PRUNED).items():
            began = time.process_time()
            figures = np.array([accuracy(choice, split) for split in splits])
            seconds = (time.process_time() - began) / len(splits)
            test, training, dead = figures.mean(0)
            first = first or test
            cells = [f"{test:.2f}%", f"{figures[:, 0].min():.1f}%", f"{test / first:.1%}", f"{training:.2f}%"]
            table.add_row(name, *cells, f"{dead:.1%}", f"{seconds:.1f}")
        Console(width=120).print(table)


if __name__ == "__main__":
    main()
