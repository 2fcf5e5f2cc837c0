"""The arrays of a net of dendrites as they are kept: without the rows that were never used, which are as at birth.

Of an array that is packed there are three: the rows that were used, one after the other; the numbers of these rows,
which may be shared by arrays whose rows are used together; and `…_unused`, what every other row holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import EPISODES, MAP_ROWS, PLACES, ROWS, Episodes, Memory

Arrays = Mapping[str, NDArray[Any]]


class _Rows(NamedTuple):
    """Arrays (G, `places`, …) whose rows are used together: the last of them is 0 where a row was never used."""

    numbers: str  # the name of the array of the rows' numbers, from 0 to G * places - 1
    places: int
    names: tuple[str, ...]


_PACKED = (
    _Rows("gain_rows", ROWS, ("gains", "gain_uses")),
    _Rows("map_rows", MAP_ROWS, ("maps", "map_uses")),
    _Rows("place_rows", PLACES, ("places",)),
)
_NUMBERS = {name: rows for rows in _PACKED for name in rows.names}
_OF_CHILD = ("line_rows", "map_slots")  # (`realnet.dendrites.overlay_packing`)
LEARNT = (
    *Memory._fields,
    *Episodes._fields,
    *(rows.numbers for rows in _PACKED),
    *_OF_CHILD,
)  # all but what is in mind


def packed(memory: Memory, episodes: Episodes, unused: Arrays) -> dict[str, NDArray[Any]]:
    """Return a packed copy of what is learnt; `unused` is what a row of each array is at birth, (G, …)."""
    arrays = memory._asdict() | episodes._asdict()
    copy = {
        name: array.copy() for name, array in arrays.items() if array.size and name not in _NUMBERS and name != "tokens"
    }
    copy["tokens"] = episodes.tokens[: min(int(episodes.lived[0]), EPISODES)].copy()
    for rows in _PACKED:
        numbers = np.flatnonzero(arrays[rows.names[-1]] > 0)  # of booleans it takes a tenth of the time
        for name in rows.names:
            copy[name] = _flat(arrays[name])[numbers]
            copy[_unused(name)] = unused[name]
        copy[rows.numbers] = numbers.astype(np.int32)
    return copy


def is_packed(arrays: Arrays) -> bool:
    return _PACKED[0].numbers in arrays


def unpacked(arrays: Arrays) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the name and the whole of each array, by name, one after the other; they may be packed, or of any net.

    Raises ValueError, or KeyError for one that is missing.
    """
    if not is_packed(arrays):
        yield from sorted(arrays.items())
        return
    beside = {rows.numbers for rows in _PACKED} | {_unused(name) for name in _NUMBERS}
    for name in sorted(set(arrays) - beside):
        yield name, _whole(arrays, name)


def check_unused(arrays: Arrays, unused: Arrays) -> None:
    """Raise ValueError if a row of whole arrays was never used and yet is not as at birth: it could not be packed."""
    for rows in _PACKED:
        for name in rows.names[:-1]:
            each = zip(arrays[name], arrays[rows.names[-1]], unused[name], strict=True)  # one copies little at once
            if not all((array[uses == 0] == row).all() for array, uses, row in each):
                raise ValueError(f"the array {name} has a row that was never used and is not as at birth")


def check_packed(arrays: Arrays, unused: Arrays) -> None:
    """Raise ValueError if these are not packed arrays of a net whose rows are born like the `unused` ones."""
    for name, row in unused.items():
        given = arrays[_unused(name)]
        if given.dtype != row.dtype or not np.array_equal(given, row):
            raise ValueError(f"the array {_unused(name)} is not that of this net")


def _whole(arrays: Arrays, name: str) -> NDArray[Any]:
    array = arrays[name]
    if name == "tokens":
        if array.ndim != 1 or len(array) > EPISODES:
            raise ValueError(f"the array tokens is {array.shape}, must be at most {EPISODES}")
        return np.concatenate([array, np.zeros(EPISODES - len(array), array.dtype)])
    if name not in _NUMBERS:
        return array
    rows = _NUMBERS[name]
    numbers, unused = arrays[rows.numbers], arrays[_unused(name)]
    if array.dtype != unused.dtype or array.shape != (len(numbers), *unused.shape[1:]):
        raise ValueError(f"the array {name} does not fit {rows.numbers}")
    if numbers.dtype != np.int32 or not ((numbers >= 0) & (numbers < len(unused) * rows.places)).all():
        raise ValueError(f"the array {rows.numbers} has a number outside 0 to {len(unused) * rows.places - 1}")
    whole = np.repeat(unused[:, None], rows.places, axis=1)
    _flat(whole)[numbers] = array
    return whole


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """Return (G * places, …) of (G, places, …): the array itself."""
    return array.reshape(-1, *array.shape[2:])


def _unused(name: str) -> str:
    return f"{name}_unused"
