"""What outputs cost: CPU time a token of each learner, by what is asked for: `python -m benchmarks.outputs`.

All take turns over the same text, slice by slice, on one core, so that what else the machine does meets all of them;
the smallest time of all turns counts. Each learner has read the beginning of the text before.
"""

import argparse
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from benchmarks.text import topics_text
from realnet import DendriteLearner, TokenLearner
from realnet.outputs import LEVELS

READ = 40_000  # characters before anything is measured
LEARNERS: dict[str, Callable[[], TokenLearner | DendriteLearner]] = {
    "surprise": TokenLearner.create,
    "dendrites, fast": lambda: DendriteLearner.create("fast"),
    "dendrites, standard": lambda: DendriteLearner.create("standard"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--characters", type=int, default=4096, help="of one turn")
    options = parser.parse_args()
    text, size = topics_text(), options.characters
    learners = {}
    for name, newborn in LEARNERS.items():
        learners[name] = newborn()
        learners[name].run(learners[name].vocabulary.encode(text[:READ]), outputs="none")
    taken = {(name, level): float("inf") for name in LEARNERS for level in LEVELS}
    begin = READ
    for _ in range(options.turns):
        for level in LEVELS:
            for name, learner in learners.items():
                tokens = learner.vocabulary.encode(text[begin : begin + size])
                began = time.process_time()
                learner.run(tokens, outputs=level)
                taken[name, level] = min(taken[name, level], (time.process_time() - began) / len(tokens))
            begin = READ + (begin + size - READ) % (len(text) - READ - size)
    base = taken["surprise", "full"]
    table = Table("microseconds of CPU time a token", *LEVELS, title="and how many times faster than `surprise`, full")
    for name in LEARNERS:
        cells = [f"{1e6 * taken[name, level]:.2f} ({base / taken[name, level]:.1f}x)" for level in LEVELS]
        table.add_row(name, *cells)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
