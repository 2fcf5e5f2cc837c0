"""Merge children in a process of its own: `python -m service.jobs.children_worker DIRECTORY`.

`fork.safetensors` is the snapshot that they are children of, and `share-…` is each of them, as a snapshot has it. It
makes what goes on from the parent with the lines that they have learnt.
"""

from pathlib import Path
from typing import Any

from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.family import freeze, merge_children
from service.jobs.process import FORK, MADE, SHARE
from service.jobs.worker import Reports, work


def merge_in(directory: Path, reports: Reports) -> dict[str, Any]:
    """Merge the children in a directory, and return the figures. Raises ValueError."""
    parent = freeze(DendriteLearner.from_checkpoint(_read(directory / FORK)))
    children = [
        DendriteLearner.from_checkpoint(_read(path), parent=parent) for path in sorted(directory.glob(f"{SHARE}*"))
    ]
    made = merge_children(parent, children)
    (directory / MADE).write_bytes(made.checkpoint().to_bytes())
    return {"lines_before": int(parent.memory.used[0]), "lines": int(made.net.memory.used[0])}


def _read(path: Path) -> Checkpoint:
    return Checkpoint.from_bytes(path.read_bytes())


if __name__ == "__main__":
    work(merge_in)
