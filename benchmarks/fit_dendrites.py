"""Measure a fit of a net of dendrites beside a dream: `python -m benchmarks.fit_dendrites FILE… [--variant fast]`.

The net lives through the first half of each file (of its first 160,000 bytes), then gets the next two fifths in one of
three ways: not at all, by a fit of its gains, or by simply living through them. What counts is the last tenth, live.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from realnet import DendriteLearner
from realnet.fit_options import FitOptions
from realnet.training.live_fit import fit_live

_BYTES = 160_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--variant", default="standard", choices=["fast", "standard"])
    parser.add_argument("--epochs", default=1, type=int)
    asked = parser.parse_args()
    for file in asked.files:
        tokens = np.frombuffer(file.read_bytes()[:_BYTES], np.uint8).astype(np.int32)
        heard, told = np.split(tokens, 2)
        learner = DendriteLearner.create(asked.variant)
        learner.run(heard, outputs="none")
        started = time.perf_counter()
        fitted = fit_live(learner.checkpoint(), told, FitOptions(validation=0.2, epochs=asked.epochs))
        seconds = time.perf_counter() - started
        learnt = len(told) - round(0.2 * len(told))
        lived = []
        for _ in range(3):
            learner.dream(told[:learnt], outputs="none")
            fork = DendriteLearner.from_checkpoint(learner.checkpoint())
            lived.append(fork.dream(told[learnt:], outputs="surprise").surprise)
        print(
            f"{file.name}: as it was {fitted.before['bits']:.4f}, fitted {fitted.after['bits']:.4f} ({seconds:.0f} s), "
            f"lived once, twice, three times " + " ".join(f"{each.mean():.4f}" for each in lived if each is not None)
        )


if __name__ == "__main__":
    main()
