"""What a child has of its own as it is kept, and as it goes over to another parent: rows, and where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import EPISODES, MAP_ROWS, OWN_PLACE
from realnet.dendrites.arrays import check_arrays
from realnet.dendrites.overlay import Overlay
from realnet.dendrites.parent import Parent
from realnet.dendrites.reader import Reader

Arrays = Mapping[str, NDArray[Any]]
_BY_ROWS = ("lines", "map_slots", "maps", "map_uses", "gains", "gain_uses", "places", "tokens")


def packed_over(overlay: Overlay) -> dict[str, NDArray[Any]]:
    """Return a packed copy of what a child has of its own.

    Those are its lines, its rows of output maps and its places, the rows of gains that are not its parent's any more,
    the tokens it has lived itself, and all that is small.
    """
    numbers, memory = _own_rows(overlay), overlay.memory._asdict()
    arrays = {name: each.copy() for name, each in memory.items() if each.size and name not in _BY_ROWS}
    for rows, views in _views(overlay).items():
        arrays |= {rows: numbers[rows]} | {name: each[numbers[rows]] for name, each in views.items()}
    lived = overlay.episodes.lived
    return arrays | {
        "tokens": overlay.episodes.tokens[_ring(overlay.parent.lived, int(lived[0]))],
        "lived": lived.copy(),
    }


def unpacked_over(parent: Parent, lines: int, arrays: Arrays, reader: Reader) -> Overlay:
    """Return the overlay of these arrays, packed, and take its mind into `reader`, which is blank.

    Raises ValueError, or KeyError for an array that is missing.
    """
    overlay = Overlay.born(parent, lines)
    lived = int(arrays["lived"][0]) if arrays["lived"].size else -1
    if lived < parent.lived:
        raise ValueError(f"it has lived {lived} tokens, and its parent {parent.lived}")
    _put_rows(overlay, arrays, {rows: arrays[rows] for rows in _views(overlay)})
    tokens, ring = arrays["tokens"], _ring(parent.lived, lived)
    if tokens.shape != ring.shape or tokens.dtype != overlay.episodes.tokens.dtype:
        raise ValueError(f"the array tokens is {tokens.dtype} {tokens.shape}, must be {len(ring)} tokens")
    overlay.episodes.tokens[ring] = tokens
    named = overlay.arrays(reader)
    whole = named | {name: arrays[name] for name in named if name not in _BY_ROWS}
    for name, most in (("map_slots", len(parent.wiring.maps) * MAP_ROWS), ("places", 2**30)):
        if name in named and not ((named[name] >= 0) & (named[name] <= most)).all():
            raise ValueError(f"the array {name} has a number outside 0 to {most}")
    check_arrays(whole | {"places": named["places"] % OWN_PLACE}, named, lines)
    for name in named:
        if name not in _BY_ROWS:
            named[name][...] = whole[name]
    return overlay


def rebased(overlay: Overlay, parent: Parent) -> Overlay:
    """Return what a child goes on with over another parent: all that is its own, and of all else what that one knows.

    What is small is its own as a whole.
    """
    made, before, numbers = Overlay.born(parent, overlay.max_lines), overlay.parent, _own_rows(overlay)
    packed = packed_over(overlay)
    lived = parent.lived + int(overlay.episodes.lived[0]) - before.lived
    there = packed["places"]
    followed = (there % OWN_PLACE - 1 - before.lived + parent.lived) % EPISODES + 1
    _put_rows(made, packed | {"places": there // OWN_PLACE * OWN_PLACE + followed}, numbers)
    made.episodes.tokens[_ring(parent.lived, lived)] = packed["tokens"]
    for name in packed.keys() & set(made.memory._fields) - set(_BY_ROWS):
        getattr(made.memory, name)[...] = packed[name]
    made.episodes.lived[0] = lived
    return made


def _ring(first: int, end: int) -> NDArray[np.int64]:
    """Return where the tokens of these numbers stand in the ring: the last, where they are more than it holds."""
    return np.arange(max(first, end - EPISODES), end) % EPISODES


def _views(overlay: Overlay) -> dict[str, dict[str, NDArray[Any]]]:
    """Return what is kept by rows, by the name of the array of their numbers: the arrays themselves, flat."""
    memory = overlay.memory
    gains = memory.gains.reshape(-1, memory.gains.shape[2])
    return {
        "line_rows": {"lines": memory.lines[:-1]},
        "map_rows": {"map_slots": overlay.map_slots, "maps": memory.maps, "map_uses": memory.map_uses},
        "gain_rows": {"gains": gains, "gain_uses": memory.gain_uses.reshape(-1)},
        "place_rows": {"places": overlay.episodes.places.reshape(-1)},
    }


def _own_rows(overlay: Overlay) -> dict[str, NDArray[np.int32]]:
    """Return the numbers of the rows that are a child's own, by name."""
    memory, above = overlay.memory, overlay.parent.memory
    learnt = (memory.gains != above.gains).any(axis=2) | (memory.gain_uses != above.gain_uses)
    own = {
        "line_rows": memory.lines[:, 0],
        "map_rows": overlay.map_slots,
        "gain_rows": learnt,
        "place_rows": overlay.episodes.places,
    }
    return {name: np.flatnonzero(each).astype(np.int32) for name, each in own.items()}


def _put_rows(overlay: Overlay, arrays: Arrays, numbers: Arrays) -> None:
    """Write packed rows where they belong. Raises ValueError if they do not fit."""
    for rows, views in _views(overlay).items():
        at = numbers[rows]
        most = len(next(iter(views.values())))
        if at.dtype != np.int32 or at.ndim != 1 or not ((at >= 0) & (at < most)).all() or (np.diff(at) <= 0).any():
            raise ValueError(f"the array {rows} has a number outside 0 to {most - 1}, or one that does not rise")
        for name, view in views.items():
            given, shape = arrays[name], (len(at), *view.shape[1:])
            if given.shape != shape or given.dtype != view.dtype:
                raise ValueError(f"the array {name} is {given.dtype} {given.shape}, must be {view.dtype} {shape}")
            view[at] = given
