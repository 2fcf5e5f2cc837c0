"""How many ticks a second, by preset and size, beside other ways to compute them: `python -m benchmarks.tick`.

N neurons, of which N/8 are inputs and N/8 outputs; each tick has a one-hot frame and a one-hot teacher, and learns.
All rows of one size take turns and the shortest time of all rounds counts, as far as they fit into memory together;
what does not fit, or would take too long, is left out and said. `in place` multiplies the matrix by one: what the
memory carries, and the ceiling of any tick that touches all of it once. `torch` is the kernel of any device of PyTorch,
`cuda` the one that is used on a GPU. Other libraries: see `benchmarks/tick_others.py`.
"""

import argparse
import gc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from benchmarks.tick_others import installed, numpy_literal
from realnet.core.state import PRESETS, Preset
from service.speed.bandwidth import bytes_of, in_place, in_place_on
from service.speed.cores import cores
from service.speed.device import GPU, sees_gpu
from service.speed.timing import Work, fastest
from service.speed.works import matrix_net
from service.telemetry.memory import free_bytes

SIZES = (64, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
LONGEST = 15.0  # seconds that a tick may take
SPARED = 0.8  # of the free memory
SPLIT = 2048  # beyond which b is another one, and a counts for nothing

Seconds = dict[str, dict[int, float]]  # by row and size


class Row(NamedTuple):
    name: str
    work: Callable[[int], Work]
    bytes: int  # of memory that it takes a synapse, at most


class Law(NamedTuple):
    """Seconds = a + b N²: the second term, of synapses, costs more where the matrix is in no cache any more."""

    a: float
    b: float
    off: float  # how far, at most, it is off: times


def rows() -> Iterator[Row]:
    """Yield all that is measured on this machine."""
    for threads in range(1, min(cores(), 2) + 1):
        yield Row(f"in place, {_told(threads)}", partial(in_place, threads=threads), 4)
    for preset in PRESETS:
        for threads in range(1, min(cores(), 2 if preset == "literal" else 1) + 1):
            yield Row(f"{preset}, {_told(threads)}", partial(_net, preset, threads), 8)
            yield Row(f"{preset}, torch, {_told(threads)}", partial(_torch, preset, threads), 8)
    if sees_gpu():
        yield Row(f"in place, {GPU}", partial(in_place_on, device=GPU), 0)
        for preset in PRESETS:
            yield Row(f"{preset}, {GPU}", partial(matrix_net, preset, device=GPU), 8)
            yield Row(f"{preset}, torch, {GPU}", partial(matrix_net, preset, device=GPU, kernel="torch"), 8)
    yield Row("literal, NumPy", numpy_literal, 28)
    for name, work in installed().items():
        yield Row(name, work, 160 if name.startswith("Brian2") else 16)


def _told(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def _net(preset: Preset, threads: int, neurons: int) -> Work:
    return matrix_net(preset, neurons, threads=threads)


def _torch(preset: Preset, threads: int, neurons: int) -> Work:
    import torch

    work = matrix_net(preset, neurons, kernel="torch")

    def live(turns: int) -> None:
        torch.set_num_threads(threads)
        work(turns)

    return live


def measured(sizes: list[int], seconds: float, tell: Callable[[str], object]) -> Seconds:
    """Return the shortest tick of each row at each size that it can be measured at. What is left out is told."""
    found: Seconds = {row.name: {} for row in rows()}
    for neurons in sizes:
        for group in _groups(neurons, found, tell):
            works = dict(_opened(neurons, group, tell))
            for name, taken in fastest(works, seconds * len(works)).items():
                found[name][neurons] = taken
            tell(f"{neurons:,} neurons: {len(works)} rows took turns")
            works.clear()
            gc.collect()
    return found


def _opened(neurons: int, group: list[Row], tell: Callable[[str], object]) -> Iterator[tuple[str, Work]]:
    for row in group:
        try:
            yield row.name, row.work(neurons)
        except (MemoryError, RuntimeError) as error:  # a RuntimeError is PyTorch's, of a GPU's memory, too
            tell(f"{neurons:,} neurons, {row.name}: left out, {str(error).splitlines()[0]}")


def _groups(neurons: int, found: Seconds, tell: Callable[[str], object]) -> Iterator[list[Row]]:
    """Yield the rows that take turns: as many as fit into memory together."""
    group: list[Row] = []
    free = SPARED * (free_bytes() or 2**33)
    for row in rows():
        needed = row.bytes * neurons**2
        expected = max((taken * (neurons / size) ** 2 for size, taken in found[row.name].items()), default=0.0)
        if needed > free:
            tell(f"{neurons:,} neurons, {row.name}: left out, it takes {needed / 1e9:,.0f} GB of memory")
        elif expected > LONGEST:
            tell(f"{neurons:,} neurons, {row.name}: left out, a tick would take some {expected:,.0f} s")
        else:
            if sum(each.bytes for each in group) * neurons**2 + needed > free:
                yield group
                group = []
            group.append(row)
    if group:
        yield group


def law_of(taken: dict[int, float], with_a: bool) -> Law | None:
    """Fit the law, each size counting as much, with a = 0 unless `with_a`; None of fewer than two sizes."""
    if len(taken) < 2:
        return None
    n, seconds = (np.array(each, float) for each in (list(taken), list(taken.values())))
    ones, squares = 1 / seconds, n**2 / seconds
    a, b = np.linalg.lstsq(np.stack([ones, squares], 1), np.ones(len(n)))[0] if with_a else (0.0, 0.0)
    if a <= 0 or b <= 0:
        a, b = 0.0, squares.sum() / (squares @ squares)
    said = a * ones + b * squares
    return Law(float(a), float(b), float(max(said.max(), 1 / said.min())))


def rates_table(found: Seconds, sizes: list[int]) -> Table:
    """Return ticks a second, of `literal` with the share of `in place`."""
    table = Table("ticks a second", *(f"{n:,}" for n in sizes), box=MARKDOWN)
    for name, taken in found.items():
        ceiling = found.get(name.replace("literal", "in place"), {}) if name.startswith("literal") else {}
        table.add_row(name, *(_cell(taken.get(n), ceiling.get(n)) for n in sizes))
    return table


def _cell(seconds: float | None, least: float | None) -> str:
    if seconds is None:
        return ""
    rate = f"{1 / seconds:,.0f}" if seconds < 0.01 else f"{1 / seconds:.3g}"
    return rate if least is None else f"{rate} ({least / seconds:.0%})"


def laws_table(found: Seconds) -> Table:
    heads = ("a, µs", f"b, ns, to N = {SPLIT:,}", "off by", "b, ns, beyond", "off by")
    table = Table("seconds = a + b N²", *heads, title="cost laws, and how far off they are at most", box=MARKDOWN)
    for name, taken in found.items():
        small = law_of({n: seconds for n, seconds in taken.items() if n <= SPLIT}, with_a=True)
        large = law_of({n: seconds for n, seconds in taken.items() if n > SPLIT}, with_a=False)
        cells = _law_cells(small) if large is None else [*_law_cells(small), *_law_cells(large)[1:]]
        table.add_row(name, *cells)
    return table


def _law_cells(law: Law | None) -> list[str]:
    return ["", "", ""] if law is None else [f"{1e6 * law.a:,.1f}", f"{1e9 * law.b:.4f}", f"{law.off:.2f}x"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each row at each size")
    parser.add_argument("--picture", type=Path, help="an SVG to draw, as docs/tick.svg")
    options = parser.parse_args()
    console, sizes = Console(width=180), sorted(options.sizes)
    found = {name: taken for name, taken in measured(sizes, options.seconds, console.print).items() if taken}
    console.print(rates_table(found, sizes))
    carried = {name: taken for name, taken in found.items() if name.startswith("in place")}
    table = Table("GB a second, read and written", *(f"{n:,}" for n in sizes), box=MARKDOWN)
    for name, taken in carried.items():
        table.add_row(name, *(f"{bytes_of(n) / taken[n] / 1e9:,.0f}" if n in taken else "" for n in sizes))
    console.print(table)
    console.print(laws_table(found))
    if options.picture:
        from benchmarks.tick_picture import draw

        draw(found, options.picture)


if __name__ == "__main__":
    main()
