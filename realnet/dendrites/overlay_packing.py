"""What a child has of its own as it is kept, and as it goes over to another parent: rows, and where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import EPISODES, OWN_PLACE
from realnet.dendrites.arrays import check_arrays
from realnet.dendrites.overlay import Overlay
from realnet.dendrites.parent import Parent
from realnet.dendrites.reader import Reader

Arrays = Mapping[str, NDArray[Any]]
_BY_ROWS = ("lines", "map_slots", "maps", "map_uses", "gains", "gain_uses", "places")
_APART = (*_BY_ROWS, "tokens", "gain_at", "gains_taken")


def packed_over(overlay: Overlay) -> dict[str, NDArray[Any]]:
    """Return a packed copy of what a child has of its own.

    Those are its lines, its rows of output maps and its places, the rows of gains that are not its parent's any more,
    the tokens it has lived itself, and all that is small.
    """
    memory, episodes = overlay.memory, overlay.episodes
    packed = {name: each.copy() for name, each in memory._asdict().items() if each.size and name not in _APART}
    for rows, (numbers, arrays) in _own_rows(overlay).items():
        packed |= {rows: numbers} | arrays
    tokens = episodes.tokens[_ring(overlay.parent, int(episodes.lived[0]), len(episodes.tokens))]
    return packed | {"tokens": tokens, "lived": episodes.lived.copy()}


def unpacked_over(parent: Parent, lines: int, arrays: Arrays, reader: Reader) -> Overlay:
    """Return the overlay of these arrays, packed, which also have a mind like `reader`.

    Raises ValueError, or KeyError for an array that is missing.
    """
    overlay, lived = Overlay.born(parent, lines), int(arrays["lived"][0]) if arrays["lived"].size else -1
    if lived < parent.lived:
        raise ValueError(f"it has lived {lived} tokens, and its parent {parent.lived}")
    _put_rows(overlay, arrays)
    tokens = overlay.episodes.tokens
    ring = _ring(parent, lived, len(tokens))
    if arrays["tokens"].shape != ring.shape or arrays["tokens"].dtype != tokens.dtype:
        raise ValueError(f"the array tokens is of {arrays['tokens'].size}, must be of {len(ring)} of {tokens.dtype}")
    tokens[ring] = arrays["tokens"]
    named = overlay.arrays(reader)
    given = {name: arrays[name] for name in named if name not in _APART}
    for name, most in (("map_slots", parent.memory.map_uses.size), ("places", 2**30)):
        if name in named and not ((named[name] >= 0) & (named[name] <= most)).all():
            raise ValueError(f"the array {name} has a number outside 0 to {most}")
    check_arrays(named | given | {"places": named["places"] % OWN_PLACE}, named, lines)
    for name in given.keys() - reader.words():
        named[name][...] = given[name]
    return overlay


def rebased(overlay: Overlay, parent: Parent) -> Overlay:
    """Return what a child goes on with over another parent: all that is its own, and of all else what that one knows.

    What is small is its own as a whole.
    """
    made, before, packed = Overlay.born(parent, overlay.max_lines), overlay.parent, packed_over(overlay)
    lived, places = parent.lived + int(packed["lived"][0]) - before.lived, packed["places"]
    followed = (places % OWN_PLACE - 1 - before.lived + parent.lived) % EPISODES + 1
    _put_rows(made, packed | {"places": places // OWN_PLACE * OWN_PLACE + followed})
    made.episodes.tokens[_ring(parent, lived, len(made.episodes.tokens))] = packed["tokens"]
    for name in packed.keys() & set(made.memory._fields) - set(_BY_ROWS):
        getattr(made.memory, name)[...] = packed[name]
    made.episodes.lived[0] = lived
    return made


def _ring(parent: Parent, lived: int, size: int) -> NDArray[np.int64]:
    """Return where a child's own tokens stand in its ring: the last, where they are more than it holds."""
    return np.arange(max(parent.lived, lived - size), lived) % size


def _own_rows(overlay: Overlay) -> dict[str, tuple[NDArray[np.int32], dict[str, NDArray[Any]]]]:
    """Return the rows that are a child's own, with their numbers, by the name of these."""
    memory, above, at, gates = overlay.memory, overlay.parent.memory, _gains_at(overlay), len(overlay.parent.gates)
    gains, gain_uses = memory.gains[at], memory.gain_uses[at]
    born = np.concatenate([above.gains.reshape(-1, gains.shape[1]), overlay.parent.gains[:gates]])
    born_uses = np.concatenate([above.gain_uses.reshape(-1), np.zeros(gates, gain_uses.dtype)])
    learnt = (gains != born).any(axis=1) | (gain_uses != born_uses)
    learnt[:-gates] &= at[:-gates] >= gates  # those that have no place of their own are told of once
    places = overlay.episodes.places.reshape(-1)
    rows: dict[str, tuple[NDArray[Any], dict[str, NDArray[Any]]]] = {
        "line_rows": (memory.lines[:-1, 0], {"lines": memory.lines}),
        "map_rows": (overlay.map_slots, _maps(overlay)),
        "gain_rows": (learnt, {"gains": gains, "gain_uses": gain_uses}),
        "place_rows": (places, {"places": places}),
    }
    own = {name: (np.flatnonzero(has).astype(np.int32), arrays) for name, (has, arrays) in rows.items()}
    return {name: (at, {each: array[at] for each, array in arrays.items()}) for name, (at, arrays) in own.items()}


def _gains_at(overlay: Overlay) -> NDArray[np.uint16]:
    """Return where each row of gains stands; and behind them, one a gate, those without a place of their own."""
    return np.concatenate([overlay.gain_at, np.arange(len(overlay.parent.gates), dtype=np.uint16)])


def _maps(overlay: Overlay) -> dict[str, NDArray[Any]]:
    return {"map_slots": overlay.map_slots, "maps": overlay.memory.maps, "map_uses": overlay.memory.map_uses}


def _put_rows(overlay: Overlay, arrays: Arrays) -> None:
    """Write packed rows where they belong. Raises ValueError if they do not fit."""
    memory, at, taken = overlay.memory, _gains_at(overlay), overlay.gains_taken
    _put(arrays, "line_rows", {"lines": memory.lines[:-1]})
    _put(arrays, "map_rows", _maps(overlay))
    _put(arrays, "place_rows", {"places": overlay.episodes.places.reshape(-1)})
    _put(arrays, "gain_rows", {"gains": memory.gains[at], "gain_uses": memory.gain_uses[at]})  # copies: only checked
    rows, gates, own = arrays["gain_rows"], len(overlay.parent.gates), overlay.gain_at
    for row in rows[(rows < len(own)) & (at[rows] < gates)].tolist():
        if taken[0] < len(memory.gains):
            own[row], taken[0] = taken[0], taken[0] + 1
    at = _gains_at(overlay)
    has_place = (rows >= len(own)) | (at[rows] >= gates)  # over another parent there may be room for fewer
    placed = at[rows[has_place]]
    memory.gains[placed], memory.gain_uses[placed] = arrays["gains"][has_place], arrays["gain_uses"][has_place]


def _put(arrays: Arrays, rows: str, into: dict[str, NDArray[Any]]) -> None:
    """Write the packed rows of some arrays into them. Raises ValueError if they do not fit."""
    at, most = arrays[rows], len(next(iter(into.values())))
    if at.dtype != np.int32 or at.ndim != 1 or not ((at >= 0) & (at < most)).all() or (np.diff(at) <= 0).any():
        raise ValueError(f"the array {rows} has a number outside 0 to {most - 1}, or one that does not rise")
    for name, whole in into.items():
        given, shape = arrays[name], (len(at), *whole.shape[1:])
        if given.shape != shape or given.dtype != whole.dtype:
            raise ValueError(f"the array {name} is {given.dtype} {given.shape}, must be {whole.dtype} {shape}")
        whole[at] = given
