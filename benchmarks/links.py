"""What a net gains by hearing another: `python -m benchmarks.links [--text FILE]`, some 340,000 bytes of it.

One net has lived 300,000 bytes. Another lives the next 40,000, and hears what the first expects of them, which reads
them by a fork and learns nothing: a newborn, and one that has lived as many bytes of OTHER (if not given, Python's
topics). Bits a byte of each alone and of both together, how often the likeliest byte came, and what it costs.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich import print
from rich.table import Table

from benchmarks.text import topics_text
from realnet import DendriteLearner
from realnet.dendrites.opinions import Decided, Mixture, Speaker
from realnet.tokens.ids import Tokens

LIVED, HEARD = 300_000, 40_000
SPANS = ((0, 1000), (1000, 5000), (5000, 20_000), (22_000, 40_000))
PIECE = 512


def row(bits: NDArray[np.float64], right: NDArray[np.bool_] | None = None) -> list[str]:
    """Return a figure for each span."""
    if right is None:
        return [f"{bits[begin:end].mean():.3f}" for begin, end in SPANS]
    return [f"{right[begin:end].mean():.3f} / {bits[begin:end].mean():.3f}" for begin, end in SPANS]


def linked(mine: DendriteLearner, other: DendriteLearner, ids: Tokens) -> list[list[str]]:
    """Return the rows of the own net, the other and both."""
    decided = list[Decided]()
    mine.on_decided = lambda ids, one: decided.append(Decided(ids, one))
    speaker, mixture = Speaker(other), Mixture(mine)
    probability, right = np.empty((3, len(ids))), np.empty((2, len(ids)), np.bool_)
    for t in range(len(ids)):
        one = ids[t : t + 1]
        right[1, t] = mixture.expected(mine.net.decisions(), speaker.expects()).argmax() == ids[t]
        said, opinions = mine.run(one, outputs="best"), speaker.hear(other, one)
        right[0, t] = said.predicted[0] == ids[t]
        probability[:, t] = mixture.learn(decided.pop(), opinions)[:, 0]
    bits = -np.log2(probability)
    return [row(bits[0], right[0]), row(bits[1]), row(bits[2], right[1])]


def costs(mine: DendriteLearner, other: DendriteLearner, ids: Tokens) -> str:
    """Return microseconds a token of each side, in pieces, and before a token."""
    decided = list[Decided]()
    mine.on_decided = lambda ids, one: decided.append(Decided(ids, one))
    speaker, mixture = Speaker(other), Mixture(mine)
    pieces = [ids[i : i + PIECE] for i in range(0, len(ids), PIECE)]
    begun = time.perf_counter()
    told = [speaker.hear(other, each) for each in pieces]
    heard = time.perf_counter()
    for each in pieces:
        mine.run(each, outputs="surprise")
    lived = time.perf_counter()
    for own, opinions in zip(decided, told, strict=True):
        mixture.learn(own, opinions)
    mixed = time.perf_counter()
    for _ in range(1000):
        speaker.expects()
    asked = time.perf_counter()
    a_token = 1e6 / len(ids)
    return (
        f"microseconds a token: the other reads {(heard - begun) * a_token:.1f}, the own net lives "
        f"{(lived - heard) * a_token:.1f}, both are mixed {(mixed - lived) * a_token:.2f}; all decisions of the next "
        f"byte {(asked - mixed) * 1000:.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, help="a text; if not given, Python's topics")
    parser.add_argument("--other", type=Path, help="another; if not given, Python's topics")
    given = parser.parse_args()
    texts = [each.read_bytes() if each else topics_text().encode() for each in (given.text, given.other)]
    text, other_text = (np.frombuffer(each, np.uint8).astype(np.int32) for each in texts)
    ids = text[LIVED : LIVED + HEARD]
    other = DendriteLearner.create()
    other.run(text[:LIVED], outputs="none")
    table = Table("bytes", *(f"{begin:,} to {end:,}" for begin, end in SPANS))
    for name, lived in (("a newborn", 0), ("one of another text", LIVED)):
        mine = DendriteLearner.create()
        mine.run(other_text[:lived], outputs="none")
        for who, figures in zip((f"{name}, alone", "the other, alone", "both"), linked(mine, other, ids), strict=True):
            table.add_row(who, *figures)
    print(table)
    print(costs(DendriteLearner.create(), other, ids))


if __name__ == "__main__":
    main()
