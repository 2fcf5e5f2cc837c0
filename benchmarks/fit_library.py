"""What a fit of the live net is worth: a text's first 100,000 characters, streamed in one pass, then fitted.

    python -m benchmarks.fit_library [--preset surprise] [--start 0] [--new]

Frozen: on the 10,000 characters after them, without learning. Live: on the 50,000 after them, each before it is learnt.
The constants of the fit were chosen at --start 150000 and 265000 (where fewer characters are left to live through).
"""

import argparse
import time

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.text import topics_text
from realnet import TokenLearner
from realnet.core.state import PRESETS
from realnet.fit_options import FitOptions
from realnet.training.live_fit import fit_live

FITTED, FROZEN, LIVE = 100_000, 10_000, 50_000
LEAD = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="surprise")
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--new", action="store_true", help="the text is new to the net that is fitted")
    options = parser.parse_args()
    torch.set_num_threads(1)

    streamed = TokenLearner.create(options.preset)
    newborn = streamed.checkpoint()
    tokens = streamed.vocabulary.encode(topics_text()[options.start :][: FITTED + LIVE])
    began = time.process_time()
    streamed.run(tokens[:FITTED])
    passed = time.process_time() - began

    # A held-out part would say nothing: the net that streamed has seen all of it.
    began = time.process_time()
    fork = newborn if options.new else streamed.checkpoint()
    fitted = fit_live(fork, tokens[:FITTED], FitOptions(validation=0.1 if options.new else 0.0))
    seconds = time.process_time() - began
    own = TokenLearner.from_checkpoint(streamed.checkpoint())
    own.net.adopt(fitted.weights, alive=fitted.alive)

    table = Table("", "frozen", "bits", "live", "bits", "CPU s")
    for name, learner, spent in (("one pass", streamed, passed), ("fitted", own, seconds)):
        frozen = learner.dream(tokens[FITTED - LEAD : FITTED + FROZEN], given=LEAD, plasticity=0.0)
        live = learner.run(tokens[FITTED:])
        cells = [
            f"{figure:.4f}"
            for said in (frozen, live)
            for figure in (np.mean(said.predicted == said.token), said.surprise.mean())
        ]
        table.add_row(name, *cells, f"{spent:.1f}")
    print(f"{options.preset}, {FITTED:,} characters from {options.start}, seed 0")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
