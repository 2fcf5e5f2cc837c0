"""Whether a net is as sure as it may be: `python -m benchmarks.calibration [FILE …]`.

It lives a text, and then others of other kinds, learning all the while. Of each is told the expected calibration error
(ECE) of the likeliest token: exactly, at every tick, and as `GET /v1/self` tells it, at one tick of 16; beside that,
how much of the latter is chance: the ECE of so many looks at a net that is perfectly calibrated. At last what the
chronicle costs, of the time of a tick.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.streams import stream
from realnet import DendriteLearner
from realnet.score import SAMPLED
from service.replica.chronicle import BINS, Chronicle
from service.watch.about import sure_of

TEXTS = ("python", "topics", "licences")  # by default; the first is lived before it is asked
MOST = 300_000  # bytes of each
_BATCH = 1024
_DRAWN = 100  # calibrated nets, for the chance


def ece(said: NDArray[np.float64], came: NDArray[np.bool_]) -> float:
    tenth = np.minimum((said * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(tenth, said - came, BINS)).sum() / len(said))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="*", default=TEXTS, help="names of streams, or files")
    options = parser.parse_args()
    learner, random = DendriteLearner.create(), np.random.default_rng(0)
    table = Table("lived one after the other", "bytes", "bits", "ECE", "of one in 16", "of that by chance")
    for name in options.texts:
        data = Path(name).read_bytes() if Path(name).exists() else stream(name)
        tokens = np.frombuffer(data[:MOST], np.uint8).astype(np.int32)
        learner.score.witness = chronicle = Chronicle(learner.vocabulary)
        first, before = learner.expected(1)[1], -(learner.net.tick + 1) % SAMPLED
        outputs = learner.run(tokens, outputs="full")
        assert outputs.next_probability is not None
        assert outputs.surprise is not None
        said = np.concatenate([first, outputs.next_probability[:-1, 0]]).astype(np.float64)
        sampled = said[before::SAMPLED]
        chance = np.mean([ece(sampled, random.random(len(sampled)) < sampled) for _ in range(_DRAWN)])
        told = sure_of(chronicle.reliability).ece
        cells = outputs.surprise.mean(dtype=np.float64), ece(said, outputs.hits > 0), told, chance
        table.add_row(name, f"{len(tokens):,}", *(f"{each:.4f}" for each in cells))
    console = Console(width=120)
    console.print(table)
    console.print(f"the chronicle takes {cost(tokens):.2%} of the time of a tick, outputs none, in batches of {_BATCH}")


def cost(tokens: NDArray[np.int32]) -> float:
    """Return the median of its share over batches: what the two take, one after the other, is disturbed alike."""
    learner = DendriteLearner.create()
    chronicle = Chronicle(learner.vocabulary)
    took = [0.0]

    class Timed:
        def see(self, *seen: object) -> None:
            began = time.perf_counter()
            chronicle.see(*seen)  # type: ignore[arg-type]
            took[0] = time.perf_counter() - began

    learner.score.witness = Timed()
    shares = []
    for start in range(0, len(tokens) - _BATCH, _BATCH):
        began = time.perf_counter()
        learner.run(tokens[start : start + _BATCH], outputs="none")
        shares.append(took[0] / (time.perf_counter() - began - took[0]))
    return float(np.median(shares))


if __name__ == "__main__":
    main()
