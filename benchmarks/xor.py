"""The document's XOR example as printed, for many seeds, and how sure XOR is without each choice behind it.

python -m benchmarks.xor
"""

import argparse
import time
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from realnet import RealNet, RealNetTrainer

X = [[-1, -1], [-1, 1], [1, -1], [1, 1]]
Y = [[-1], [1], [1], [-1]]


def learn(
    seed: int, mirrored: bool = False, bias: bool = True, betas: tuple[float, float] | None = None, **options: Any
) -> Tensor:
    """(4, 1): what 3 neurons say after 100 epochs. By the seed alone it is the document's example."""
    torch.manual_seed(seed)
    model = RealNet(3, [0, 1], [2], device="cpu")
    if mirrored:
        nn.init.orthogonal_(model.W)
    if not bias:
        assert model.B is not None
        model.B.requires_grad_(False)
    trainer = RealNetTrainer(model, gradient_decay=0.1, **options)
    if betas is not None:
        trainer.optimizer.param_groups[0]["betas"] = betas
    trainer.fit(X, Y, epochs=100, thinking_steps=5, progress=False)
    return trainer.predict(X, 5)


CHOICES: dict[str, dict[str, Any]] = {
    "as printed": {},
    "PyTorch's betas, (0.9, 0.999)": {"betas": (0.9, 0.999)},
    "a third of the learning rate": {"learning_rate": 0.25 / 9},
    "three times the learning rate": {"learning_rate": 0.25},
    "PyTorch's learning rate, 0.001": {"learning_rate": 0.001},
    "orthogonal weights that may mirror": {"mirrored": True},
    "no bias: such a net is odd, XOR is even": {"bias": False},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    wanted = torch.tensor(Y, dtype=torch.float32)
    table = Table(
        "XOR, 3 neurons, 100 epochs", f"all signs right, of {seeds} seeds", "MSE below 0.01", "median MSE", "CPU s/seed"
    )
    for name, options in CHOICES.items():
        began = time.process_time()
        said = torch.stack([learn(seed, **options) for seed in range(seeds)])
        seconds = (time.process_time() - began) / seeds
        right = int((said.sign() == wanted).all(2).all(1).sum())
        errors = (said - wanted).square().mean((1, 2))
        table.add_row(name, str(right), str(int((errors < 0.01).sum())), f"{errors.median():.4f}", f"{seconds:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
