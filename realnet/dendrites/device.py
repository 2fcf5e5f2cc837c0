"""A net of dendrites made smaller, for a device with little memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from realnet.checkpoint import Checkpoint
from realnet.core.dendrite_memory import WORDS
from realnet.dendrites.birth import LEAST_LINES, MOST_LINES
from realnet.dendrites.compact import CompactNet
from realnet.dendrites.learner import DendriteLearner

Weights: TypeAlias = Literal["full", "lean"]

LINE_BYTES = 4 * WORDS
LEAST_SIZE = LINE_BYTES * LEAST_LINES
_MAPS = ("maps", "map_uses", "map_rows", "maps_unused", "map_uses_unused")


def for_device(checkpoint: Checkpoint, size: int | None = None, weights: Weights = "full") -> Checkpoint:
    """Return the checkpoint of a smaller net, which learns on wherever it is loaded, and takes no more room.

    Its lines take up to `size` bytes, the largest power of two; those that were used most are left. A `lean` one has no
    output maps, and its gains are kept in half precision. Takes the arrays over. Raises ValueError, with the reason,
    where there is no such net.
    """
    if size is not None and size < LEAST_SIZE:
        raise ValueError(f"size is {size} bytes, must be at least {LEAST_SIZE}")
    if "parent" in checkpoint.config:
        raise ValueError("a child keeps its size, and its parent is not in it")
    learner = DendriteLearner.from_checkpoint(checkpoint)
    net = learner.net
    if isinstance(net, CompactNet):
        raise ValueError("a compact net keeps its size")
    most = net.max_lines
    if size is not None:
        most = min(2 ** ((size // LINE_BYTES).bit_length() - 1), MOST_LINES)
        if most < net.lines:
            net.shrink(most)
    made = learner.checkpoint()
    config, arrays = made.config | {"max_lines": most}, dict(made.arrays)
    if weights == "lean":
        config["wiring"] = replace(net.wiring, maps=()).to_json()
        arrays |= {name: arrays[name][:0] for name in _MAPS}
        largest = np.finfo(np.float16).max
        arrays["gains"] = np.clip(arrays["gains"], -largest, largest).astype(np.float16)
    return Checkpoint(config, arrays)
