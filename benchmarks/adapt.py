"""Measure how forks of a net of dendrites read: `python -m benchmarks.adapt FILE… [--variant fast]`.

The net lives through the first four fifths of each file (of its first 200,000 bytes). Then forks read the last fifth:
one that is frozen, one that adapts; beside them a copy that learns. They also read 40,000 bytes of the next file.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realnet import DendriteLearner

_BYTES = 200_000


def bits(learner: DendriteLearner, tokens: NDArray[np.uint8], plasticity: float = 0.0) -> str:
    started = time.process_time()
    surprise = learner.run(tokens, plasticity, outputs="surprise").surprise
    assert surprise is not None
    each = (time.process_time() - started) / len(tokens) * 1e6
    return f"{surprise.mean():.4f} ({each:.1f} us)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--variant", default="standard", choices=["fast", "standard"])
    asked = parser.parse_args()
    texts = [np.frombuffer(file.read_bytes()[:_BYTES], np.uint8) for file in asked.files]
    for file, text, other in zip(asked.files, texts, [*texts[1:], texts[0]], strict=True):
        heard, own = np.split(text, [len(text) * 4 // 5])
        learner = DendriteLearner.create(asked.variant)
        learner.run(heard, outputs="none")
        started = time.perf_counter()
        learner.fork(adapts=True)
        pause = time.perf_counter() - started
        for name, read in ((file.name, own), ("another", other[:40_000])):
            alive = DendriteLearner.from_checkpoint(learner.checkpoint())
            frozen, adapts = bits(learner.fork(), read), bits(learner.fork(adapts=True), read)
            print(
                f"{name}: frozen {frozen}, adapts {adapts}, alive {bits(alive, read, 1.0)}; fork {pause * 1e3:.1f} ms"
            )


if __name__ == "__main__":
    main()
