"""What children of a frozen net know and cost: `python -m benchmarks.overlay TEXT [OTHER …]`, TEXT of 1.1 MB.

`--variant` is of all (`fast`); `--children` how many live in turn (1,000), of `--lines` lines each (8,192).

A net lives the first 600,000 bytes of TEXT and is frozen. Children with few lines of their own read 51,000 bytes from
byte 700,000 on, and the first 51,000 of each OTHER, beside a whole copy of the net and a newborn. Then four children
read 40,000 bytes each and are merged. Then many children live in turn, 1,000 bytes each of what the parent has not
read, in messages of 100.
"""

import argparse
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich import print
from rich.table import Table

from realnet import DendriteLearner
from realnet.dendrites.child import ChildNet
from realnet.dendrites.family import child_of, freeze, merge_children
from realnet.dendrites.parent import Parent
from realnet.dendrites.wiring import VARIANTS

LIVED, BEGINS, ENDS = 600_000, 700_000, (0, 1000, 51_000)
MEMBERS, MEMBER, HELD_OUT = 4, 40_000, 30_000
EACH, MESSAGE = 1000, 100

Text = NDArray[np.uint8]


def whole(parent: Parent) -> DendriteLearner:
    return DendriteLearner(parent.net(), parent.vocabulary, parent.leaves)


def read(reader: DendriteLearner, text: Text) -> NDArray[np.float32]:
    """Return the surprise at each byte, read in messages."""
    pieces = [text[start : start + MESSAGE] for start in range(0, len(text), MESSAGE)]
    surprises = (reader.run(piece, outputs="surprise").surprise for piece in pieces)
    return np.concatenate([each for each in surprises if each is not None])


def resident() -> float:
    """Return how many MB of memory this process takes, with what it shares."""
    told = Path("/proc/self/status").read_text()
    return int(told.split("VmRSS:")[1].split()[0]) * 1024 / 1e6


def one(parent: Parent, variant: str, name: str, text: Text) -> Table:
    """Return the bits of the beginning of a text, and of what follows, by who reads it."""
    table = Table(f"{name}, read by", "bits of the first 1,000", "of the next 50,000", "µs a byte", "MB of its own")

    def row(who: str, reader: DendriteLearner) -> None:
        began = time.process_time()
        surprise = read(reader, text[: ENDS[-1]])
        took = 1e6 * (time.process_time() - began) / len(surprise)
        bits = [f"{surprise[begin:end].mean():.3f}" for begin, end in pairwise(ENDS)]
        table.add_row(who, *bits, f"{took:.1f}", f"{reader.net.nbytes / 1e6:.2f}")

    row("a newborn", DendriteLearner.create(variant))  # type: ignore[arg-type]
    row("a whole copy of the parent", whole(parent))
    for lines in (2**12, 2**13, 2**14, 2**15, 2**16):
        row(f"a child with {lines:,} lines", child_of(parent, lines))
    return table


def family(parent: Parent, text: Text) -> Table:
    """Return the bits of what none has read, after children have read a part each and were merged."""
    table = Table(f"{MEMBERS} children, {MEMBER:,} bytes each", "bits of what none has read", "s a merge")
    parts = [text[MEMBER * number :][:MEMBER] for number in range(MEMBERS)]
    held_out = text[MEMBER * MEMBERS :][:HELD_OUT]
    one_net = whole(parent)
    for part in parts:
        read(one_net, part)
    table.add_row("the parent", f"{read(whole(parent), held_out).mean():.3f}")
    table.add_row("one net that reads all", f"{read(one_net, held_out).mean():.3f}")
    for lines in (2**14, 2**16, 2**18):
        children = [child_of(parent, lines) for _ in parts]
        for child, part in zip(children, parts, strict=True):
            read(child, part)
        began = time.perf_counter()
        merged = merge_children(parent, children)
        took = time.perf_counter() - began
        table.add_row(f"one of {lines:,} lines, unmerged", f"{read(children[0], held_out).mean():.3f}")
        table.add_row("… all merged", f"{read(merged, held_out).mean():.3f}", f"{took:.1f}")
    return table


def crowd(parent: Parent, text: Text, count: int, lines: int) -> Table:
    """Return what many children cost that live in turn."""
    before, began = resident(), time.perf_counter()
    children = [child_of(parent, lines) for _ in range(count)]
    born = time.perf_counter() - began
    starts = np.linspace(0, len(text) - EACH, count).astype(int)
    began, worked = time.perf_counter(), time.process_time()
    for at in range(0, EACH, MESSAGE):
        for child, start in zip(children, starts, strict=True):
            child.run(text[start + at : start + at + MESSAGE], outputs="surprise")
    took, worked = time.perf_counter() - began, time.process_time() - worked
    table = Table(f"{count:,} children of {lines:,} lines, in turn", "figure")
    table.add_row("births, ms each", f"{1000 * born / count:.2f}")
    figures = f"{count * EACH / took:,.0f}, {count * EACH / worked:,.0f}"
    table.add_row("bytes a second over all: by the clock, of a core", figures)
    table.add_row("MB resident before them, and with them", f"{before:,.0f}, {resident():,.0f}")
    own = sum(child.net.nbytes for child in children[:20] if isinstance(child.net, ChildNet)) / 20
    table.add_row("MB of its own, each", f"{own / 1e6:.2f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("others", type=Path, nargs="*")
    parser.add_argument("--variant", default="fast", choices=VARIANTS)
    parser.add_argument("--children", type=int, default=1000)
    parser.add_argument("--lines", type=int, default=2**13)
    arguments = parser.parse_args()
    text = np.frombuffer(arguments.text.read_bytes(), np.uint8)
    learner = DendriteLearner.create(arguments.variant)
    read(learner, text[:LIVED])
    began = time.perf_counter()
    parent = freeze(learner)
    took = time.perf_counter() - began
    del learner
    print(f"{arguments.variant}: a parent of {parent.nbytes / 1e6:.0f} MB, frozen in {took:.2f} s")
    print(crowd(parent, text[LIVED:], arguments.children, arguments.lines))
    print(one(parent, arguments.variant, "the same text later", text[BEGINS:]))
    for other in arguments.others:
        print(one(parent, arguments.variant, other.stem, np.frombuffer(other.read_bytes(), np.uint8)))
    print(family(parent, text[BEGINS:]))


if __name__ == "__main__":
    main()
