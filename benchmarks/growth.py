"""What growing and shrinking cost and bring: `python -m benchmarks.growth [--text FILE]`, some 300,000 bytes of it.

A net with few contexts takes on `order 6`, `word` and `words` at byte 40,000, beside one that does not and one that was
born with them; bits are of the last third. A net that has lived all but the last 60,000 goes on with those and fewer
lines, beside ones born small; with `--later BYTE` it lives all, and goes on with the 60,000 of FILE from there on.
So do those that are made of it for a device. A server whose net is resized answers one who sends it text all the while.
"""

import argparse
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from rich import print
from rich.table import Table

from benchmarks.running import Client, running
from benchmarks.text import topics_text
from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.device import Weights, for_device
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.search import search
from realnet.dendrites.wiring import VARIANTS, Wiring
from realnet.vocabulary import Bytes

SYMBOLS, LINES = 256, 2**18
GROWN_AT, NEW = 40_000, ("order 6", "word", "words")
PIECE = 10_000  # that a server is sent at once
SPAN = 30_000  # that a smaller net goes on to read, twice

Tokens = NDArray[np.int32]


def bits(net: DendriteNet, tokens: Tokens, rate: float = 1.0) -> float:
    return float(-np.log2(net.run(tokens, rate).probability).mean())


def timed(change: Callable[[], object]) -> float:
    """Return milliseconds."""
    began = time.perf_counter()
    change()
    return 1000 * (time.perf_counter() - began)


def contexts(tokens: Tokens) -> Table:
    few = replace(VARIANTS["fast"], contexts=("order 0", "order 1", "order 2", "order 3", "order 4"))
    table, last = Table("contexts of orders 0 to 4, and order 6, word, words", "bits"), 2 * len(tokens) // 3

    def row(name: str, wiring: Wiring, grows: bool = False) -> None:
        net = DendriteNet(wiring, SYMBOLS, LINES)
        net.run(tokens[:GROWN_AT], 1.0)
        if grows:
            net.grow(contexts=NEW)
        net.run(tokens[GROWN_AT:last], 1.0)
        table.add_row(name, f"{bits(net, tokens[last:]):.3f}")

    row("without", few)
    row(f"taken on at {GROWN_AT:,}", few, grows=True)
    row("born with", replace(few, contexts=(*few.contexts, *NEW)))
    return table


def relived(tokens: Tokens) -> Table:
    """Return bits of what comes after contexts were taken on, at once or with what was kept of the past."""
    few = replace(VARIANTS["fast"], contexts=("order 0", "order 1", "order 2", "order 3", "order 4"))
    born = replace(few, contexts=(*few.contexts, *NEW))
    past, future = tokens[:100_000], tokens[100_000:200_000]
    ends = (2000, 10_000, 40_000, 100_000)
    table = Table("order 6, word, words, after 100,000", *(f"bits up to {end:,}" for end in ends))

    def row(name: str, wiring: Wiring, change: Callable[[DendriteLearner], None]) -> None:
        learner = DendriteLearner(DendriteNet(wiring, SYMBOLS, LINES), Bytes())
        learner.run(past, outputs="none")
        change(learner)
        surprise = learner.run(future, outputs="surprise").surprise
        assert surprise is not None
        parts = zip((0, *ends), ends, strict=False)
        table.add_row(name, *(f"{surprise[begin:end].mean():.3f}" for begin, end in parts))

    def sleep(learner: DendriteLearner) -> None:
        found = search(learner, past, {"asked for": few.with_more(NEW)}, 0.0).net
        assert found is not None
        learner.net.adopt(found)

    row("without", few, lambda learner: None)
    row("by growing", few, lambda learner: learner.net.grow(contexts=NEW))
    row("by a sleep", few, sleep)
    row("born with", born, lambda learner: None)
    return table


def live_on(net: DendriteNet, coming: Tokens) -> tuple[str, str]:
    """Return the bits of what comes first with nothing learnt, and of what comes then, after that was learnt."""
    at_once = bits(net.fork(), coming[:SPAN], 0.0)
    net.run(coming[:SPAN], 1.0)
    return f"{at_once:.3f}", f"{bits(net, coming[SPAN:]):.3f}"


def lines(past: Tokens, coming: Tokens) -> Table:
    table = Table("lines", "what", "pause, ms", "bits at once, nothing learnt", "bits of what comes, learnt")
    lived = DendriteNet(VARIANTS["standard"], SYMBOLS, LINES)
    lived.run(past, 1.0)
    arrays = lived.arrays()

    def copy(most: int) -> DendriteNet:
        net = DendriteNet(lived.wiring, SYMBOLS, most)
        net.take({name: each.copy() for name, each in arrays.items()})
        return net

    def row(what: str, net: DendriteNet, pause: float | None = None) -> None:
        table.add_row(f"{net.lines:,}", what, "" if pause is None else f"{pause:.1f}", *live_on(net, coming))

    row("as it lived", copy(LINES))
    grown = copy(LINES)
    row("doubled", grown, timed(lambda: grown.grow(2 * LINES)))
    copy(LINES).shrink(LINES // 2)  # compiles
    for size in (2**17, 2**16, 2**14, 2**12):
        shrunk, small = copy(LINES), DendriteNet(lived.wiring, SYMBOLS, size)
        row("shrunk", shrunk, timed(lambda net=shrunk, size=size: net.shrink(size)))  # type: ignore[misc]
        small.run(past, 1.0)
        row("born small", small)
    return table


def devices(past: Tokens, coming: Tokens) -> Table:
    heads = (
        "bytes of lines",
        "weights",
        "file, MB",
        "in memory, MB",
        "bits at once, nothing learnt",
        "bits of what comes",
    )
    table = Table(*heads)
    learner = DendriteLearner.create(max_lines=LINES)
    learner.run(past, outputs="none")
    lived = learner.checkpoint().to_bytes()
    for size in (None, 2**22, 2**20, 2**18):
        for weights in get_args(Weights):
            file = for_device(Checkpoint.from_bytes(lived), size, weights).to_bytes()
            net = DendriteLearner.from_checkpoint(Checkpoint.from_bytes(file)).net
            sizes = f"{len(file) / 1e6:.1f}", f"{net.nbytes / 1e6:.1f}"
            table.add_row(f"{size or 64 * LINES:,}", weights, *sizes, *live_on(net, coming))
    return table


def service(text: bytes) -> Table:
    table = Table("a server is asked to", "answer, ms", "longest answer to an input, ms", "… in the seconds before it")
    with running(preset="dendrites", max_lines=2**16) as server, Client(server) as client:
        for start in range(0, len(text), PIECE):
            client.ask("/v1/inputs?wait=true", text=text[start : start + PIECE].decode(errors="replace"))
        answers: list[tuple[float, float]] = []
        ended = threading.Event()

        def visit() -> None:
            with Client(server) as visitor:
                while not ended.is_set():
                    began = time.perf_counter()
                    visitor.ask("/v1/inputs?wait=true", text="and so on ")
                    answers.append((began, time.perf_counter()))

        visiting = threading.Thread(target=visit)
        visiting.start()
        for way, size in (("grow", 2**17), ("grow", 2**18), ("shrink", 2**16)):
            time.sleep(2)
            asked = time.perf_counter()
            taken = timed(partial(client.ask, f"/v1/net/{way}", lines=size))
            time.sleep(0.5)
            during = [1000 * (end - began) for began, end in answers if end > asked and began < asked + taken / 1000]
            before = [1000 * (end - began) for began, end in answers if asked - 2 < end < asked]
            cells = (f"{taken:.1f}", *(f"{max(each, default=0):.1f}" for each in (during, before)))
            table.add_row(f"{way} to {size:,} lines", *cells)
        ended.set()
        visiting.join()
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, help="if not given, Python's own topics")
    parser.add_argument("--later", type=int, help="the byte at which what a smaller net reads begins")
    arguments = parser.parse_args()
    text = topics_text().encode() if arguments.text is None else arguments.text.read_bytes()
    tokens = np.frombuffer(text, np.uint8).astype(np.int32)
    whole = tokens[:300_000]
    if arguments.later is None:
        past, coming = whole[: -2 * SPAN], whole[-2 * SPAN :]
    else:
        past, coming = whole, tokens[arguments.later :][: 2 * SPAN]
    for table in (contexts(whole), relived(whole), lines(past, coming), devices(past, coming), service(text[:300_000])):
        print(table)


if __name__ == "__main__":
    main()
