"""What nets that live apart lose when they merge their lines: `python -m benchmarks.merge TEXT [OTHER]`.

`--variant` is of all of them (`standard`), `--held-out` the byte of TEXT at which the 30,000 begin that none has read;
if not given, they are its last.

Four members of one ancestor, each with a stretch of TEXT of its own, beside one net that lives all of it and beside
members that never meet; then one of TEXT and one of OTHER (if not given, Python's topics). Bits are live, of what none
has read, as member 1 hears it, which remembers word for word only its own.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich import print
from rich.table import Table

from benchmarks.text import topics_text
from realnet.dendrites.merge import merged, share_of, with_since
from realnet.dendrites.merge_trial import tried
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.share import Lines, Share
from realnet.dendrites.wiring import VARIANTS, Variant

MEMBERS, EACH, LIVED, HELD_OUT, TURN = 4, 40_000, 200_000, 30_000, 2500

Tokens = NDArray[np.int32]
Lie = Callable[[list[Share]], list[Share]]


def bits(net: DendriteNet, tokens: Tokens) -> float:
    return float(-np.log2(net.run(tokens, 1.0).probability).mean())


class Kind(NamedTuple):
    """Of which kind the nets are."""

    variant: Variant
    lines: int

    def newborn(self) -> DendriteNet:
        return DendriteNet(VARIANTS[self.variant], 256, self.lines)

    def __str__(self) -> str:
        return f"{self.variant}, {self.lines:,} lines"


def copies(net: DendriteNet, count: int) -> list[DendriteNet]:
    made = [DendriteNet(net.wiring, 256, net.max_lines) for _ in range(count)]
    for each in made:
        each.take(net.arrays())
        each.tick = net.tick
    return made


def interleaved(net: DendriteNet, parts: Sequence[Tokens]) -> DendriteNet:
    for start in range(0, len(parts[0]), TURN):
        for part in parts:
            net.run(part[start : start + TURN], 1.0)
    return net


def apart(
    nets: list[DendriteNet], parts: Sequence[Tokens], every: int, lie: Lie = lambda shares: shares
) -> tuple[list[float], list[float]]:
    """Have the members live, and merge after so many tokens each; return bytes a token, and seconds of each merge."""
    ancestor, sizes, seconds = nets[0].memory.lines.copy(), [], []
    for start in range(0, len(parts[0]), every):
        for net, part in zip(nets, parts, strict=True):
            net.run(part[start : start + every], 1.0)
        told = [share_of(f"member {number + 1}", net, ancestor) for number, net in enumerate(nets)]
        sizes += [len(each.to_bytes()) / every for each in told[:1]]
        began = time.perf_counter()
        ancestor = merged(ancestor, lie(told))
        seconds.append(time.perf_counter() - began)
        for net in nets:
            net.take_lines(ancestor)
    return sizes, seconds


def inverted(shares: list[Share]) -> list[Share]:
    """Have the last member say the contrary of all it has learnt, as if it had heard it 250 times."""

    def lie(rows: Lines) -> Lines:
        words = rows[:, 1:]
        told = np.uint32(250 << 24) | words & np.uint32(0xFF0000) | np.uint32(0xFFFF) - (words & np.uint32(0xFFFF))
        return np.concatenate([rows[:, :1], np.where(words == 0, words, told)], axis=1)

    return [*shares[:-1], shares[-1]._replace(rows=lie(shares[-1].rows))]


def members(text: Tokens, held_out: Tokens, lived: int, kind: Kind) -> Table:
    table = Table(f"four members, {kind}, ancestor of {lived:,}", "bits", "bytes a token", "s a merge")
    ancestor = kind.newborn()
    ancestor.run(text[:lived], 1.0)
    parts = [text[lived + EACH * number :][:EACH] for number in range(MEMBERS)]

    def row(name: str, net: DendriteNet, sizes: Sequence[float] = (), seconds: Sequence[float] = ()) -> None:
        cells = [f"{np.mean(each):.2f}" if len(each) else "" for each in (sizes, seconds)]
        table.add_row(name, f"{bits(net, held_out):.3f}", *cells)

    row("the ancestor", copies(ancestor, 1)[0])
    row("one net, all interleaved", interleaved(copies(ancestor, 1)[0], parts))
    alone = copies(ancestor, 1)[0]
    alone.run(parts[0], 1.0)
    row("a member that meets none", alone)
    for every in (2500, 10_000, EACH):
        nets = copies(ancestor, MEMBERS)
        row(f"merged every {every:,}", nets[0], *apart(nets, parts, every))
    nets = copies(ancestor, MEMBERS)
    row("merged every 10,000, one inverts", nets[0], *apart(nets, parts, 10_000, inverted))
    return table


def two_texts(text: Tokens, other: Tokens, kind: Kind) -> Table:
    table = Table(f"one of a text, one of another, {LIVED:,} each, {kind}", "bits of the text", "of the other")
    parts, held_out = (text[:LIVED], other[:LIVED]), (text[LIVED:][:HELD_OUT], other[LIVED:][:HELD_OUT])
    alone = [kind.newborn() for _ in parts]
    for net, part in zip(alone, parts, strict=True):
        net.run(part, 1.0)
    nets = copies(alone[0], 1) + copies(alone[1], 1)
    table.add_row("each alone, its own", *(f"{bits(*each):.3f}" for each in zip(alone, held_out, strict=True)))
    both = interleaved(kind.newborn(), parts)
    figures = [bits(copies(both, 1)[0], each) for each in held_out]
    table.add_row("one net, interleaved", *(f"{each:.3f}" for each in figures))
    nothing = kind.newborn().memory.lines
    lines_of_both = merged(nothing, [share_of(f"member {number}", net, nothing) for number, net in enumerate(nets)])
    for net in nets:
        net.take_lines(lines_of_both)
    table.add_row("merged once, each its own", *(f"{bits(*each):.3f}" for each in zip(nets, held_out, strict=True)))
    return table


def trials(text: Tokens, other: Tokens, kind: Kind) -> Table:
    """Return what a trial finds of members that read the like, something else, or lie; then what adopting takes."""
    table = Table(f"a trial of 20,000 bytes, {kind}", "cost in bits", "ms")
    nothing, parts = kind.newborn().memory.lines, [text[20_000 * number :][:20_000] for number in range(2)]
    nets = [kind.newborn() for _ in range(3)]
    for net, part in zip(nets, [*parts, other[:20_000]], strict=True):
        net.run(part, 1.0)
    told = [share_of(name, net, nothing) for name, net in zip(("own", "the like", "other"), nets, strict=True)]
    liar = inverted([told[1]])[0]._replace(member="the contrary")
    trial = tried(kind.newborn(), parts[0], "own", [*told[1:], liar])
    for name, cost in trial.costs.items():
        table.add_row(f"merged with one that has read {name}, frozen", f"{cost:+.1%}", "")
    table.add_row("merged with those that are left, live", f"{trial.merged / trial.alone - 1:+.1%}", "")
    made, before = merged(nothing, told), nets[0].memory.lines.copy()
    for since in (0, 2000, 18_000):
        nets[0].run(parts[1][:since], 1.0)
        seconds = []
        for _ in range(5):
            began = time.process_time()
            with_since(made, before, nets[0].memory.lines)
            seconds.append(time.process_time() - began)
        table.add_row(f"what was learnt meanwhile: {since:,} bytes more", "", f"{1000 * min(seconds):.0f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("other", type=Path, nargs="?")
    parser.add_argument("--lines", type=int, default=2**18)
    parser.add_argument("--variant", default="standard", choices=VARIANTS)
    parser.add_argument("--held-out", type=int, default=-HELD_OUT)
    arguments = parser.parse_args()
    kind = Kind(arguments.variant, arguments.lines)
    other = topics_text().encode() if arguments.other is None else arguments.other.read_bytes()
    read = [np.frombuffer(each, np.uint8).astype(np.int32) for each in (arguments.text.read_bytes(), other)]
    held_out = read[0][arguments.held_out :][:HELD_OUT]
    for lived in (0, LIVED):
        print(members(read[0], held_out, lived, kind))
    print(two_texts(read[0], read[1], kind))
    print(trials(read[0], read[1], kind))


if __name__ == "__main__":
    main()
