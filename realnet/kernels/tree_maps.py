"""The rows of output maps: in the net's arrays, or, of a child, in rows of its own over its parent's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, exact_kernel, optional, prefetch
from realnet.core.dendrite_memory import CELLS, MAP_ROWS, Memory, Stimuli
from realnet.core.hashing import MAP_SALT
from realnet.core.state import Float32

i32, u64 = np.int32, np.uint64
_MAPS = u64(MAP_SALT)
_slots, _above, _above_uses = optional("map_slots"), optional("above_maps"), optional("above_map_uses")


@exact_inlined_kernel
def map_row(a: int, node: int, stimuli: Stimuli, t: int) -> np.uint64:
    """Return the row of a map for a decision, of all maps' rows."""
    h = u64(node) * _MAPS ^ stimuli.maps[t, a]
    row: np.uint64 = u64(a * MAP_ROWS) + ((h ^ h >> u64(15)) & u64(MAP_ROWS - 1))
    return row


@exact_inlined_kernel
def low_and_high(memory: Memory, row: np.uint64, cell: np.uint64) -> tuple[np.float32, np.float32]:
    """Return a cell of a row and the next one."""
    low, high = _low_and_high(memory.maps, _slots(memory), _above(memory), row, cell)
    return low, high


@exact_inlined_kernel
def _low_and_high(
    maps: Float32, slots: NDArray[np.int32] | None, above: Float32 | None, row: np.uint64, cell: np.uint64
) -> tuple[np.float32, np.float32]:
    if slots is None or above is None:
        return maps[row * u64(CELLS) + cell], maps[row * u64(CELLS) + cell + u64(1)]
    slot = _slot_of(slots, row)
    if slot < u64(len(slots)):
        return maps[slot * u64(CELLS) + cell], maps[slot * u64(CELLS) + cell + u64(1)]
    return above[row * u64(CELLS) + cell], above[row * u64(CELLS) + cell + u64(1)]


@exact_inlined_kernel
def row_to_learn(memory: Memory, row: np.uint64) -> np.uint64:
    """Return the row of `memory.maps` that learns what a row is told: of a child its own, which is copied first."""
    learns: np.uint64 = _row_to_learn(
        memory.maps, memory.map_uses, _slots(memory), _above(memory), _above_uses(memory), row
    )
    return learns


@exact_inlined_kernel
def _row_to_learn(
    maps: Float32,
    uses: NDArray[np.uint16],
    slots: NDArray[np.int32] | None,
    above: Float32 | None,
    above_uses: NDArray[np.uint16] | None,
    row: np.uint64,
) -> np.uint64:
    if slots is None:
        return row
    own: np.uint64 = own_row_(maps, uses, slots, above, above_uses, row)
    return own


@exact_kernel
def own_row_(
    maps: Float32,
    uses: NDArray[np.uint16],
    slots: NDArray[np.int32],
    above: Float32,
    above_uses: NDArray[np.uint16],
    row: np.uint64,
) -> np.uint64:
    """Return a child's own row; where it has none, the parent's is copied to that of three which was used least."""
    slot: np.uint64 = _slot_of(slots, row)
    if slot < u64(len(slots)):
        return slot
    home, fewest = row & u64(len(slots) - 1), np.int64(2**16)
    for k in range(u64(3)):
        n = np.int64(uses[home ^ k]) if slots[home ^ k] != 0 else np.int64(-1)
        if n < fewest:
            slot, fewest = home ^ k, n
    slots[slot], uses[slot] = i32(row + u64(1)), above_uses[row]
    for cell in range(u64(CELLS)):
        maps[slot * u64(CELLS) + cell] = above[row * u64(CELLS) + cell]
    return slot


@exact_inlined_kernel
def _slot_of(slots: NDArray[np.int32], row: np.uint64) -> np.uint64:
    """Return which of a child's rows is this one, the number of all if none is."""
    home = row & u64(len(slots) - 1)
    for k in range(u64(3)):
        slot: np.uint64 = home ^ k
        if slots[slot] == i32(row + u64(1)):
            return slot
    return u64(len(slots))


@exact_inlined_kernel
def fetch_maps_(node: int, stimuli: Stimuli, t: int, memory: Memory) -> None:
    """Ask the memory for the rows of the output maps of a decision to come."""
    maps, uses, slots, above = memory.maps, memory.map_uses, _slots(memory), _above(memory)
    for a in range(stimuli.maps.shape[1]):
        _fetch_(maps, uses, slots, above, map_row(a, node, stimuli, t))


@exact_inlined_kernel
def _fetch_(
    maps: Float32, uses: NDArray[np.uint16], slots: NDArray[np.int32] | None, above: Float32 | None, row: np.uint64
) -> None:
    if slots is None:
        prefetch(uses, row)
        for cell in range(u64(0), u64(CELLS), u64(16)):
            prefetch(maps, row * u64(CELLS) + cell)
    else:
        prefetch(slots, row & u64(len(slots) - 1))
        for cell in range(u64(0), u64(CELLS), u64(16)):
            prefetch(above, row * u64(CELLS) + cell)
