"""What outputs cost: CPU time a token of each learner, by what is asked for: `python -m benchmarks.outputs`.

All take turns over the same text, slice by slice, on one core, so that what else the machine does meets all of them;
the smallest time of all turns counts. Each learner has read the beginning of the text before. The last rows are of
tokens that are no text: the same characters, and the words as one of 50,000 symbols.
"""

import argparse
import time
import zlib

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.text import topics_text
from realnet import DendriteLearner, TokenLearner
from realnet.dendrites.wiring import VARIANTS
from realnet.outputs import LEVELS

READ = 40_000  # tokens before anything is measured
MANY = 50_000  # symbols
Learners = dict[str, tuple[TokenLearner | DendriteLearner, NDArray[np.int32]]]  # and the tokens that each reads


def newborns() -> Learners:
    text = topics_text()
    characters = np.frombuffer(text.encode(), np.uint8).astype(np.int32)
    words = np.array([zlib.crc32(word.encode()) % MANY for word in text.split()], np.int32)
    learners: Learners = {"surprise": (TokenLearner.create(), characters)}
    for variant in VARIANTS:
        learners[f"dendrites, {variant}"] = DendriteLearner.create(variant), characters
    for variant in VARIANTS:
        learners[f"{variant}, 256 symbols"] = DendriteLearner.create(variant, symbols=256), characters
        learners[f"{variant}, {MANY:,} symbols"] = DendriteLearner.create(variant, symbols=MANY), words
    return learners


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--tokens", type=int, default=2048, help="of one turn")
    options = parser.parse_args()
    learners, size = newborns(), options.tokens
    for learner, tokens in learners.values():
        learner.run(tokens[:READ], outputs="none")
    taken = {(name, level): float("inf") for name in learners for level in LEVELS}
    for turn in range(options.turns):
        for k, level in enumerate(LEVELS):
            for name, (learner, tokens) in learners.items():
                begin = READ + (turn * len(LEVELS) + k) * size % (len(tokens) - READ - size)
                began = time.process_time()
                learner.run(tokens[begin : begin + size], outputs=level)
                taken[name, level] = min(taken[name, level], (time.process_time() - began) / size)
    base = taken["surprise", "full"]
    table = Table("microseconds of CPU time a token", *LEVELS, title="and how many times faster than `surprise`, full")
    for name in learners:
        cells = [f"{1e6 * taken[name, level]:.2f} ({base / taken[name, level]:.1f}x)" for level in LEVELS]
        table.add_row(name, *cells)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
