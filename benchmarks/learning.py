"""What each preset learns of a text in one pass, beside its peers: accuracy on every character before it is learnt.

A predictor is a compressor, so its bits stand beside those of two compressors that see the whole stretch at once.

    python -m benchmarks.learning [--characters 40000] [--start 0] [--skip-peers]

The constants of the presets were chosen at --start 0; 200000 and 320000 are stretches that nothing was chosen on.
"""

import argparse
import bz2
import lzma
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks import peers
from benchmarks.text import topics_text
from realnet import DendriteLearner, TokenLearner
from realnet.core.state import PRESETS
from realnet.dendrites.wiring import VARIANTS, Variant

Row = tuple[peers.Hits, NDArray[np.float32] | None]  # and the bits of every character, of those that say probabilities


def preset(name: str) -> Callable[[str], Row]:
    def live(text: str) -> Row:
        learner = TokenLearner.create(name)  # type: ignore[arg-type]
        outputs = learner.run(learner.vocabulary.encode(text))
        return outputs.predicted == outputs.token, outputs.surprise

    return live


def dendrites(variant: Variant) -> Callable[[str], Row]:
    def live(text: str) -> Row:
        learner = DendriteLearner.create(variant)
        outputs = learner.run(learner.vocabulary.encode(text))
        return outputs.predicted == outputs.token, outputs.surprise

    return live


def peer(learn: Callable[..., peers.Hits], *arguments: int) -> Callable[[str], Row]:
    return lambda text: (learn(text, *arguments), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, default=40_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--skip-peers", action="store_true")
    options = parser.parse_args()
    text = topics_text()[options.start :][: options.characters]

    learners = {f"`{name}`, 256 tokens": preset(name) for name in PRESETS}
    learners |= {f"`dendrites`, {variant}": dendrites(variant) for variant in VARIANTS}
    if not options.skip_peers:
        learners |= {f"n-gram back-off, order {order}": peer(peers.n_gram, order) for order in (1, 2, 3, 5)}
        learners["echo-state network, 500 units, RLS"] = peer(peers.echo_state_network)
        learners["GRU, 128 units, TBPTT 16, Adam"] = peer(peers.gru)
    table = Table("learner", "whole", "second half", "last tenth", "bits, whole", "second half", "us a token")
    for name, learn in learners.items():
        learn(text[:2000])  # compiled and warm
        began = time.perf_counter()
        hits, bits = learn(text)
        seconds = time.perf_counter() - began
        shares = [hits.mean(), hits[len(text) // 2 :].mean(), hits[-len(text) // 10 :].mean()]
        means = ["", ""] if bits is None else [f"{part.mean():.2f}" for part in (bits, bits[len(text) // 2 :])]
        cells = [*(f"{share:.3f}" for share in shares), *means]
        table.add_row(name, *cells, f"{seconds / len(text) * 1e6:.0f}")
    for name, compressed in {
        "bzip2 -9": bz2.compress(text.encode()),
        "xz -9e": lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME),
    }.items():
        table.add_row(name, "", "", "", f"{8 * len(compressed) / len(text):.2f}", "", "")
    print(f"{len(text):,} characters from {options.start}, seed 0, numpy {np.__version__}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
