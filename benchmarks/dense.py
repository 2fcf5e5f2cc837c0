"""How close the dense kernel (`literal` on the CPU) comes to what the machine's memory allows, and to NumPy.

    python -m benchmarks.dense
    python -m benchmarks.dense --neurons 1024 4096 --seconds 20 --pruned

For each size one run: rounds in which each is timed in turn, the best of all. One thread is timed by the time that its
core worked for it, so a busy machine matters less; two beside one by the clock, in rounds so short that both cores may
be idle for one.
"""

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's product of a vector and a matrix

import numba
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from realnet import LiveNet

NEURONS = (64, 256, 1024, 2048, 4096, 8192)
RATE = 0.01
ROUND_SECONDS, SHORT_SECONDS = 0.003, 0.0003  # about, at 10 G numbers a second

Array = NDArray[np.float32]
Work = Callable[[], object]


class Plain:
    """A tick as NumPy says it line by line, float32, with whole matrices."""

    def __init__(self, weights: Array, inputs: int) -> None:
        self.W, self.x, self._inputs = weights.copy(), np.zeros(len(weights), np.float32), inputs

    def tick(self, frame: Array) -> None:
        x, inputs = self.x, self._inputs
        y = np.maximum(x @ self.W, 0)
        y[:inputs] = frame
        low, high = y.min(), y.max()
        if high > low:
            y[inputs:] = (y[inputs:] - low) / (high - low)
        difference = np.abs(x[:, None] - (y[None, :] - x[:, None] * self.W))
        W = self.W + np.float32(RATE) * (1 - 2 * difference)
        low, high = W.min(), W.max()
        self.W = (W - low) * (4 / (high - low)) - 2
        self.x = y


@numba.njit(nogil=True, fastmath=True)
def _scale_(U: Array, times: int) -> None:
    flat = U.reshape(-1)
    factor = np.float32(1.0000001)
    for _ in range(times):
        for i in range(len(flat)):
            flat[i] *= factor


def scaling(neurons: int, times: int) -> Work:
    """Return what reads and writes a matrix in place `times` times: the least that a tick does to the memory."""
    U = np.ones((neurons, neurons), np.float32)
    return lambda: _scale_(U, times)


def dense_tick(neurons: int, ticks: int, threads: int, pruned: bool = False) -> Work:
    """Return what lives `ticks` ticks of a net with an eighth of inputs and a sixteenth of taught outputs."""
    inputs, outputs = neurons // 8, neurons // 16
    random = np.random.default_rng(neurons)
    net = LiveNet(
        neurons, range(inputs), range(neurons - outputs, neurons), "literal", RATE, seed=neurons, threads=threads
    )
    if pruned:
        net.prune(random.random((neurons, neurons)) < 0.3)
    frames, teachers = (random.random((ticks, size), np.float32) for size in (inputs, outputs))
    return lambda: net.run(frames, teachers)


def plain_tick(neurons: int, ticks: int) -> Work:
    """Return what NumPy does for `ticks` ticks."""
    inputs = neurons // 8
    random = np.random.default_rng(neurons)
    net = Plain(random.uniform(-2, 2, (neurons, neurons)).astype(np.float32), inputs)
    frames = random.random((ticks, inputs), np.float32)

    def live() -> None:
        for frame in frames:
            net.tick(frame)

    return live


def best_of(works: dict[str, Work], seconds: float, clock: Callable[[], float]) -> dict[str, float]:
    """Return the least seconds of each, timed in turn."""
    least = dict.fromkeys(works, float("inf"))
    for work in works.values():
        work()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, work in works.items():
            began = clock()
            work()
            least[name] = min(least[name], clock() - began)
    return least


def measure(neurons: int, seconds: float, pruned: bool) -> list[str]:
    """Return the cells of a row."""
    ticks, few = (max(1, int(each * 1e10 / neurons**2)) for each in (ROUND_SECONDS, SHORT_SECONDS))
    plain = max(1, ticks // 40)
    works = {
        "scale": scaling(neurons, ticks),
        "plain": plain_tick(neurons, plain),
        "one": dense_tick(neurons, ticks, 1),
    }
    if pruned:
        works["pruned"] = dense_tick(neurons, ticks, 1, pruned=True)
    found = best_of(works, seconds, time.thread_time)
    threads = {str(count): dense_tick(neurons, few, count) for count in (1, 2)}
    by_clock = best_of(threads, seconds, time.perf_counter)
    rates = {name: (plain if name == "plain" else ticks) / least for name, least in found.items()}
    return [
        f"{neurons:,}",
        f"{rates['plain']:,.1f}",
        *(f"{rates[name]:,.0f}" for name in ("one", *(["pruned"] if pruned else []))),
        f"{rates['one'] / rates['plain']:.0f}",
        f"{8 * neurons**2 * rates['scale'] / 1e9:.0f}",
        f"{100 * rates['one'] / rates['scale']:.0f}%",
        f"{by_clock['1'] / by_clock['2']:.2f}",
    ]


def activity(neurons: int, ticks: int = 300) -> list[str]:
    """Return the cells of a row: how many rows of the matrix change, of a net whose frames are dense and sparse."""
    cells = [f"{neurons:,}"]
    for density in (1.0, 0.1):
        random = np.random.default_rng(neurons)
        inputs = neurons // 8
        net = LiveNet(neurons, range(inputs), range(neurons - neurons // 16, neurons), "literal", seed=neurons)
        shares = []
        for _ in range(ticks):
            net.run(random.random((1, inputs)) * (random.random((1, inputs)) < density))
            shares.append(np.count_nonzero(net.state) / neurons)
        cells.append(" · ".join(f"{100 * np.mean(shares[part]):.0f}%" for part in (slice(10), slice(-100, None))))
    return cells


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--neurons", type=int, nargs="+", default=NEURONS)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each size")
    parser.add_argument("--pruned", action="store_true", help="also a net without 30%% of its synapses")
    options = parser.parse_args()
    titles = ["neurons", "NumPy", "one thread", *(["pruned"] if options.pruned else []), "times NumPy"]
    table = Table(*titles, "GB/s in place", "of that", "two threads to one")
    for neurons in options.neurons:
        table.add_row(*measure(neurons, options.seconds, options.pruned))
    Console(width=140).print(table)
    active = Table("neurons", "active, dense frames: first 10 ticks · last 100 of 300", "a tenth of the inputs")
    for neurons in (256, 1024):
        active.add_row(*activity(neurons))
    Console(width=140).print(active)


if __name__ == "__main__":
    main()
