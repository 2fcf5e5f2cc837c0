"""Whether merging children helps those to come: `python -m benchmarks.merge_children TEXT OTHER…`, TEXT of .7 MB.

A net lives the first 600,000 bytes of TEXT and is frozen. Children of `--lines` lines (2^14) read 40,000 bytes each of
OTHER, one after the other from its beginning, and the first 4 and all 8 are merged, as `--variant` (`fast`) has it. The
bits are those of newborn children over the old parent and the merged ones, of 30,000 bytes that none has read: of
OTHER, and of TEXT. Beside them a parent that has read itself what the children read. Last all read 40,000 bytes more
each, and are merged again: children that have gone over to what they were merged into, and children that were born over
that.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich import print
from rich.table import Table

from benchmarks.overlay import LIVED, read, whole
from realnet import DendriteLearner
from realnet.dendrites.family import child_of, freeze, merge_children, rebase
from realnet.dendrites.parent import Parent
from realnet.dendrites.wiring import VARIANTS

MEMBER, HELD_OUT, FAMILIES = 40_000, 30_000, (4, 8)
Text = NDArray[np.uint8]


def newborn_bits(parent: Parent, text: Text, lines: int) -> str:
    """Return the bits of a newborn child of the first 1,000 bytes of a text, and of all of it."""
    child = child_of(parent, lines)
    child.net.forget()
    surprise = read(child, text)
    return f"{surprise[:1000].mean():.3f} · {surprise.mean():.3f}"


def of_kind(parent: Parent, old: Text, kind: Text, name: str, lines: int) -> Table:
    """Return how newborns do over the parent, and over those that children have been merged into."""
    parts = [kind[MEMBER * number :][:MEMBER] for number in range(max(FAMILIES))]
    new = kind[MEMBER * len(parts) :][:HELD_OUT]
    title = f"a newborn child of {lines:,} lines over …"
    table = Table(title, f"{name}: first 1,000 · {HELD_OUT:,}", "the old kind", "s a merge")

    def row(who: str, over: Parent, took: float | None = None) -> None:
        bits = newborn_bits(over, new, lines), newborn_bits(over, old, lines)
        table.add_row(who, *bits, "" if took is None else f"{took:.1f}")

    row("the parent", parent)
    children = [child_of(parent, lines) for _ in parts]
    for child, part in zip(children, parts, strict=True):
        read(child, part)
    for count in FAMILIES:
        began = time.process_time()
        merged = freeze(merge_children(parent, children[:count]))
        row(f"{count} children merged", merged, time.process_time() - began)
        one = whole(parent)
        for part in parts[:count]:
            read(one, part)
        row(f"a net that has read what the {count} have", freeze(one))
    for who, over in (("(the first child goes on)", parent), ("(… over all 8 merged)", merged)):
        child = DendriteLearner.from_checkpoint(children[0].checkpoint(), parent=parent)
        rebase(child, over)
        surprise = read(child, new)
        table.add_row(who, f"{surprise[:1000].mean():.3f} · {surprise.mean():.3f}")
    later = [kind[MEMBER * len(parts) + HELD_OUT + MEMBER * number :][:MEMBER] for number in range(len(parts))]
    for child in children:
        rebase(child, merged)
    born = [child_of(merged, lines) for _ in parts]
    for who, members in (("all 8 merged again, that were born over it", born), ("…, that have gone over", children)):
        for child, part in zip(members, later, strict=True):
            read(child, part)
        row(who, freeze(merge_children(merged, members)))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("others", type=Path, nargs="+")
    parser.add_argument("--variant", default="fast", choices=VARIANTS)
    parser.add_argument("--lines", type=int, default=2**14)
    arguments = parser.parse_args()
    text = np.frombuffer(arguments.text.read_bytes(), np.uint8)
    learner = DendriteLearner.create(arguments.variant)
    read(learner, text[:LIVED])
    parent = freeze(learner)
    for other in arguments.others:
        kind = np.frombuffer(other.read_bytes(), np.uint8)
        print(of_kind(parent, text[LIVED:][:HELD_OUT], kind, other.stem, arguments.lines))


if __name__ == "__main__":
    main()
