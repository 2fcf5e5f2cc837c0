"""How many rows of its matrix a net of `literal` works on, of those that it has: `python -m benchmarks.activity`.

A row whose neuron is silent could be left out exactly, which pays below some half of them.
"""

import numpy as np
from rich.console import Console
from rich.table import Table

from realnet import LiveNet

TICKS = 300


def shares(neurons: int, density: float) -> list[float]:
    """Return of each tick the share of neurons that are active, where such a share of the inputs is."""
    random, inputs = np.random.default_rng(neurons), neurons // 8
    net = LiveNet(neurons, range(inputs), range(neurons - neurons // 16, neurons), "literal", seed=neurons)
    found: list[float] = []
    for _ in range(TICKS):
        net.run(random.random((1, inputs)) * (random.random((1, inputs)) < density))
        found.append(float(np.count_nonzero(net.state)) / neurons)
    return found


def main() -> None:
    table = Table("neurons", "inputs that are on", "active in the first 10 ticks", f"in the last 100 of {TICKS}")
    for neurons in (256, 1024):
        for density in (1.0, 0.1):
            each = shares(neurons, density)
            table.add_row(f"{neurons:,}", f"{density:.0%}", f"{np.mean(each[:10]):.0%}", f"{np.mean(each[-100:]):.0%}")
    Console().print(table)


if __name__ == "__main__":
    main()
