"""The check of arrays that come from outside: a kernel may use each number in them as an index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import EPISODES
from realnet.core.dendrite_tables import GAIN_USES, MAP_USES
from realnet.dendrites.reader import LONGEST, RECALL, TEXT

_LARGEST = 1e30  # sums of gains stay finite below it
_BOUNDS = {
    **dict.fromkeys(("reflex", "run", "trust", "belief"), (0.0, np.nextafter(np.float32(1), np.float32(0)))),
    **dict.fromkeys(("gains", "mix", "maps"), (-_LARGEST, _LARGEST)),
    "gain_uses": (0, GAIN_USES - 1),
    "map_uses": (0, MAP_USES - 1),
    "used": (0, 2**62),
    "lived": (0, 2**62),
    "places": (0, EPISODES),
}
_BOUNDS_OF_RECALL = {"distance": EPISODES - 1, "length": LONGEST, "misses": 2**16 - 1}


def check_arrays(arrays: Mapping[str, NDArray[Any]], wanted: Mapping[str, NDArray[Any]], lines: int = 0) -> None:
    """Raise ValueError if these are not the arrays of a net like that of the `wanted` ones, with so many lines.

    The wanted ones may also be those of a mind alone.
    """
    for name, like in wanted.items():
        if name not in arrays:
            raise ValueError(f"the array {name} is missing")
        array, shape = arrays[name], (lines + 1, *like.shape[1:]) if name == "lines" else like.shape
        if array.shape != shape or array.dtype != like.dtype:
            raise ValueError(f"the array {name} is {array.dtype} {array.shape}, must be {like.dtype} {shape}")
        low, high = _BOUNDS.get(name, (None, None))
        if low is not None and not ((array >= low) & (array <= high)).all():  # also refuses NaN
            raise ValueError(f"the array {name} has a number outside {low:g} to {high:g}")
    if "lines" in wanted and arrays["lines"][-1].any():
        raise ValueError("the last line is not empty")
    text, recalls = arrays["text"].view(TEXT)[0], arrays["recalls"].view(RECALL)
    if text["side"] > 1:
        raise ValueError(f"side is {text['side']}, must be 0 or 1")
    for name, most in _BOUNDS_OF_RECALL.items():
        if not ((recalls[name] >= 0) & (recalls[name] <= most)).all():
            raise ValueError(f"a recall has a {name} outside 0 to {most}")
