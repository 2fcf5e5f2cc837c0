"""What a snapshot of a net of dendrites costs: how long its copy stops the engine, and how large its file is.

    python -m benchmarks.snapshot

Each net lives on Python's documentation topics with so many lines at most, and is copied after every 5,000 characters.
"""

import time

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.text import topics_text
from realnet import DendriteLearner
from realnet.core.dendrite_packing import unpacked

COPIES = 15
BETWEEN = 5_000  # characters
LINES = (2**12, 2**16, 2**18, 2**20)


def measure(text: NDArray[np.uint8], lines: int) -> list[str]:
    """Return the cells of a row: of a newborn if there are 2**12 lines, else of a net that lived."""
    learner = DendriteLearner.create(max_lines=lines)
    lived = 0 if lines == LINES[0] else len(text) - COPIES * BETWEEN
    learner.run(text[:lived], outputs="none")
    pauses, seconds = [], []
    for copy in range(COPIES):
        if lived:
            learner.run(text[lived + copy * BETWEEN :][:BETWEEN], outputs="none")
        began = time.perf_counter()
        checkpoint = learner.checkpoint()
        pauses.append(time.perf_counter() - began)
        data = checkpoint.to_bytes()
        checkpoint.state_sha256()
        seconds.append(time.perf_counter() - began - pauses[-1])
    size = sum(array.nbytes for _, array in unpacked(checkpoint.arrays))
    return [
        f"{lines:,}" if lived else "newborn",
        f"{size / 1e6:.1f}",
        f"{1000 * np.median(pauses):.1f} · {1000 * max(pauses):.1f}",
        f"{len(data) / 1e6:.2f}",
        f"{np.median(seconds):.2f}",
    ]


def main() -> None:
    text = np.frombuffer(topics_text().encode(), np.uint8)
    table = Table("lines", "MB of net", "pause, ms: median · longest", "MB of file", "s to write and hash it")
    for lines in LINES:
        table.add_row(*measure(text, lines))
    print(f"{len(text):,} characters, {COPIES} copies each")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
