"""What becomes of a text when others come after it, and of a learner that lives for long.

    python -m benchmarks.lives [--part forgetting | long] [--file PATH]

Forgetting: A is 20,000 characters of the topics, B as many from another place under a permuted alphabet, and then A
goes on where it ended. A long life: 4 MB of the source of Python's own library, or of a file, once.
"""

import argparse
import random
import string
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.learners import Learner
from benchmarks.streams import source
from benchmarks.text import topics_text
from realnet import DendriteLearner, TokenLearner
from realnet.core.state import PRESETS
from realnet.dendrites.wiring import VARIANTS

LIVED, ASKED = 20_000, 4_000  # characters
MEGABYTE = 1_000_000


LEARNERS: dict[str, Callable[[], Learner]] = {
    **{f"dendrites, {variant}": partial(DendriteLearner.create, variant) for variant in VARIANTS},
    **{preset: partial(TokenLearner.create, preset) for preset in PRESETS if preset != "literal"},
}


def forgetting(create: Callable[[], Learner]) -> list[str]:
    """Return bits and accuracy on what comes next of A: frozen before B, frozen after it, and live after it."""
    text, letters = topics_text(), list(string.ascii_lowercase)
    random.Random(0).shuffle(letters)
    other = text[200_000:][:LIVED].translate(str.maketrans(string.ascii_lowercase, "".join(letters)))
    learner = create()
    learner.run(learner.vocabulary.encode(text[:LIVED]), outputs="none")
    asked = learner.vocabulary.encode(text[LIVED:][:ASKED])
    before = learner.dream(asked, plasticity=0.0, outputs="best")
    learner.run(learner.vocabulary.encode(other), outputs="none")
    after = learner.dream(asked, plasticity=0.0, outputs="best")
    live = learner.run(asked, outputs="best")
    return [f"{each.surprise.mean():.2f} · {each.hits.mean():.3f}" for each in (before, after, live)]


def long_life(create: Callable[[], Learner], data: bytes) -> list[str]:
    """Return bits of each megabyte, and microseconds of a core a byte of the first and of the last."""
    learner, cells, costs = create(), list[str](), list[float]()
    learner.warm_up()
    for start in range(0, len(data), MEGABYTE):
        piece = np.frombuffer(data[start:][:MEGABYTE], np.uint8)
        began = time.process_time()
        outputs = learner.run(piece, outputs="surprise")
        costs.append((time.process_time() - began) / len(piece) * 1e6)
        cells.append(f"{outputs.surprise.mean(dtype=np.float64):.3f}")
    return [" · ".join(cells), f"{costs[0]:.1f} · {costs[-1]:.1f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("forgetting", "long"))
    parser.add_argument("--file", type=Path, help="of a long life")
    options = parser.parse_args()
    console = Console(width=120)
    if options.part != "long":
        asked = Table("A goes on: bits · accuracy", "frozen, before B", "frozen, after B", "live, after B")
        for name, create in LEARNERS.items():
            asked.add_row(name, *forgetting(create))
        console.print(asked)
    if options.part != "forgetting":
        data = (options.file.read_bytes() if options.file else source())[: 4 * MEGABYTE]
        lived = Table(f"{len(data):,} bytes", "bits of each megabyte", "microseconds a byte: first · last megabyte")
        for name, create in LEARNERS.items():
            lived.add_row(name, *long_life(create, data))
        console.print(lived)


if __name__ == "__main__":
    main()
