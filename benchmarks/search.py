"""Measure what a net of dendrites finds in its sleep: `python -m benchmarks.search FILE… [--variant fast]`.

It lives through two thirds of each file (the first 300,000 bytes), sleeps, and lives through the last third, beside the
same net that has not slept.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realnet import DendriteLearner
from realnet.dendrites.search import search

_BYTES = 300_000


def bits(learner: DendriteLearner, tokens: NDArray[np.uint8]) -> float:
    surprise = learner.run(tokens, outputs="surprise").surprise
    assert surprise is not None
    return float(surprise.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--variant", default="standard", choices=["fast", "standard"])
    asked = parser.parse_args()
    for file in asked.files:
        tokens = np.frombuffer(file.read_bytes()[:_BYTES], np.uint8)
        past, future = np.split(tokens, [len(tokens) * 2 // 3])
        learner = DendriteLearner.create(asked.variant)
        learner.warm_up()
        bits(learner, past)
        sleepless = DendriteLearner.from_checkpoint(learner.checkpoint())
        started = time.perf_counter()
        found = search(learner, past)
        print(f"{file.name}: {found.chosen or 'stays'}, gain {found.gain:.2%}, {time.perf_counter() - started:.1f} s")
        for each in found.trials:
            print(
                f"  {each.candidate:<10}{each.bits:8.4f}, kept out {each.kept_out_bits:.4f}; {each.contexts} contexts"
            )
        without = bits(sleepless, future)
        if found.net is None:
            print(f"  the last third: {without:.4f}")
            continue
        started = time.perf_counter()
        learner.net.adopt(found.net)
        pause = time.perf_counter() - started
        print(f"  the last third: {without:.4f} -> {bits(learner, future):.4f}; it woke in {pause * 1000:.0f} ms")


if __name__ == "__main__":
    main()
