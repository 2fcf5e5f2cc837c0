"""Fashion-MNIST, 794 neurons, none hidden, and how many synapses it needs: `python -m benchmarks.fashion`.

The images are those of Debian's package `dataset-fashion-mnist`. All is scored on the 10,000 test rows, after the
last epoch; nothing was tuned on them (that was done with the first 10,000 training rows, on the last 10,000).
"""

import argparse
import gzip
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from realnet import RealNet, RealNetTrainer
from realnet.utils.pruning import SynapticPruner

Rows = tuple[NDArray[np.float32], NDArray[np.int64]]
N_IN, N = 784, 794


def read(directory: Path, part: str) -> Rows:
    """`train` or `t10k` -> pixels (rows, 784) in [-1, 1], class numbers (rows,)."""
    images = gzip.decompress((directory / f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((directory / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, N_IN).astype(np.float32)
    return pixels / np.float32(127.5) - 1, np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)


@dataclass(frozen=True)
class Case:
    rows: int
    epochs: int = 24
    batch_size: int = 64
    sparsity: float = 0.0
    threshold: float = 0.0
    one_shot: float = 0.0  # prune the trained net once, then don't train it on


CASES = {
    "small": {"10,000 rows": Case(10_000)},
    "whole": {"60,000 rows": Case(60_000, epochs=12)},
    "pruned": {
        **{f"{share:.0%} dead": Case(10_000, sparsity=share) for share in (0.95, 0.98, 0.99)},
        "threshold .01": Case(10_000, threshold=0.01),
        "95% dead at one go, after the fit": Case(10_000, one_shot=0.95),
    },
}


def measure(case: Case, train: Rows, test: Rows, seed: int) -> dict[str, Any]:
    x, y = train[0][: case.rows], train[1][: case.rows]
    model = RealNet(N, range(N_IN), range(N_IN, N), seed=seed)
    trainer = RealNetTrainer(model, input_noise=0.3, seed=seed)
    began, used = time.perf_counter(), time.process_time()
    trainer.fit(
        x,
        y,
        epochs=case.epochs,
        batch_size=case.batch_size,
        pruning_threshold=case.threshold,
        target_sparsity=case.sparsity,
    )
    seconds, used = time.perf_counter() - began, time.process_time() - used
    if case.one_shot:
        SynapticPruner.prune_to(model, case.one_shot)
    dead = 1 - float(model.alive.float().mean())
    scores = [100 * trainer.evaluate(*rows)["accuracy"] for rows in (test, (x, y))]
    return {"test": scores[0], "training": scores[1], "dead": dead, "seconds": seconds, "used": used}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--part", choices=CASES, action="append", help="all, if left out")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    train, test = read(options.directory, "train"), read(options.directory, "t10k")
    cases = {name: case for part in options.part or CASES for name, case in CASES[part].items()}
    table = Table(
        "Fashion-MNIST, 794 neurons", "test", "training", "dead", "living synapses", "epochs", "seconds", "of one core"
    )
    for name, case in cases.items():
        figures = measure(case, train, test, options.seed)
        cells = [f"{figures['test']:.2f}%", f"{figures['training']:.2f}%", f"{figures['dead']:.1%}"]
        living = f"{round((1 - figures['dead']) * N * N):,}"
        table.add_row(name, *cells, living, str(case.epochs), f"{figures['seconds']:.0f}", f"{figures['used']:.0f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
