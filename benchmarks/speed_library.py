"""How fast a RealNet thinks: sparse against dense, and either against the bare matrix products. One thread.

    python -m benchmarks.speed_library [--rounds 15]

What stands in a row was timed in turn, block after block of calls, so that what else the machine does meets all of it.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from rich.console import Console
from rich.table import Table

from realnet import RealNet, RealNetTrainer, SynapticPruner

STEPS = 10
BLOCK = 20  # milliseconds of one call, over and over, before it is another's turn


def medians(rounds: int, *calls: Callable[[], object]) -> list[float]:
    """Milliseconds of each call."""
    repeats = [max(1, round(BLOCK / milliseconds(call, 3))) for call in calls]
    taken = [[milliseconds(call, often) for call, often in zip(calls, repeats, strict=True)] for _ in range(rounds)]
    return [median(times) for times in zip(*taken, strict=True)]


def milliseconds(call: Callable[[], object], repeats: int) -> float:
    call()  # with its own matrix in the cache
    began = time.perf_counter()
    for _ in range(repeats):
        call()
    return 1000 * (time.perf_counter() - began) / repeats


def sparse_table(rounds: int) -> Table:
    title = f"SparseRealNet against the dense net, a whole forward pass of {STEPS} steps"
    table = Table("neurons", "dead", "batch", "dense, ms", "sparse, ms", "faster", "asked", "differ by", title=title)
    asked = {
        (1024, 0.95, 1): "1.5x",
        (4096, 0.95, 1): "2x",
        (4096, 0.95, 32): "4x",
        (1024, 0.99, 1): "3x",
        (1024, 0.99, 32): "3x",
        (4096, 0.99, 1): "10x",
        (4096, 0.99, 32): "10x",
    }
    for n in (1024, 4096):
        model = RealNet(n, range(784), range(n - 10, n), seed=0).eval()
        for dead in (0.95, 0.99):
            SynapticPruner.prune_to(model, dead)
            sparse = model.make_sparse()
            for batch in (1, 32):
                x = torch.randn(batch, 784)
                difference = float((model(x, STEPS)[0] - sparse(x, STEPS)[0]).abs().max())
                slow, fast = medians(rounds, lambda: model(x, STEPS), lambda: sparse(x, STEPS))  # noqa: B023
                table.add_row(
                    *(str(n), f"{dead:.0%}", str(batch), f"{slow:.2f}", f"{fast:.2f}", f"{slow / fast:.1f}x"),
                    *(asked.get((n, dead, batch), ""), f"{difference:.0e}"),
                )
    return table


def overhead_table(rounds: int) -> Table:
    table = Table("794 neurons", "batch", "ms", "against", "ms", "times", "asked", title="What is not matrix products")
    model = RealNet(794, range(784), range(784, 794), seed=0)
    trainer = RealNetTrainer(model)
    model.eval()
    W = model.W.detach()
    for batch, asked in ((1, ""), (64, "at most 1.3")):
        x, h = torch.randn(batch, 784), torch.randn(batch, 794)

        def products(h: torch.Tensor = h) -> None:
            for _ in range(STEPS):
                h = h @ W

        def forward(x: torch.Tensor = x, h: torch.Tensor = h) -> None:
            model(x, STEPS, current_state=h)  # out of silence the first product would be saved

        ours, bare = medians(rounds, forward, products)
        row = (f"forward, {STEPS} steps", str(batch), f"{ours:.2f}", f"{STEPS} products", f"{bare:.2f}")
        table.add_row(*row, f"{ours / bare:.2f}", asked)
    features, x = torch.randn(1, 784).numpy(), torch.randn(1, 784)
    predicting, thinking = medians(rounds, lambda: trainer.predict(features, STEPS), lambda: model(x, STEPS))
    row = (f"predict, {STEPS} steps", "1", f"{predicting:.2f}", "its forward pass", f"{thinking:.2f}")
    table.add_row(*row, f"{predicting / thinking:.2f}", "at most 1.5")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=120)
    with torch.no_grad():
        console.print(overhead_table(options.rounds))
        console.print(sparse_table(options.rounds))


if __name__ == "__main__":
    main()
