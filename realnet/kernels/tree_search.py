"""What a net of dendrites expects next, read from its tree: the likeliest symbols, or a drawn one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, exact_kernel, uncounted
from realnet.core.dendrite_memory import Memory, Stimuli
from realnet.core.dendrite_tables import Tables
from realnet.core.state import Float32, Float64
from realnet.kernels.tree_decide import Scratch, decide_, is_certain
from realnet.kernels.tree_lines import find_lines_
from realnet.kernels.tree_maps import fetch_maps_

BUDGET = 64  # decisions; then the search goes straight down


@exact_kernel
def likeliest_(
    symbols: int,
    depth: int,
    gates: NDArray[np.int64],
    stimuli: Stimuli,
    t: int,
    memory: Memory,
    tables: Tables,
    s: Scratch,
    token: NDArray[np.int32],
    probability: Float32,
) -> None:
    """Write the likeliest symbols of tick t, best first, by a best-first search. What is missing is symbol 0 at 0."""
    stimuli, memory, tables, s = uncounted(stimuli), uncounted(memory), uncounted(tables), uncounted(s)
    most = len(token)
    value, node = np.empty(BUDGET + depth * most + 2), np.empty(BUDGET + depth * most + 2, np.int64)
    value[0], node[0] = 1.0, 1
    open_nodes, decisions, found, begun = 1, 0, 0, -1
    token[:], probability[:] = 0, 0
    while found < most and open_nodes > 0:
        best = 0
        for k in range(1, open_nodes):
            if _comes_before(decisions, value[k], node[k], value[best], node[best]):
                best = k
        here, p = node[best], value[best]
        open_nodes -= 1
        node[best], value[best] = node[open_nodes], value[open_nodes]
        if here >> depth:
            token[found], probability[found] = here - (1 << depth), p
            found += 1
            continue
        bit = _length(here) - 1
        one = 0.0
        if not is_certain(here, bit, depth, symbols):
            four = here >> (bit & 3)
            if four != begun:
                find_lines_(four, bit & ~3, stimuli, t, memory, False, s)
                begun = four
            one = np.float64(decide_(here, bit, depth, gates, stimuli, t, memory, tables, s))
            decisions += 1
            if bit + 1 < depth:
                fetch_maps_(2 * here + (1 if one > 0.5 else 0), stimuli, t, memory)
            node[open_nodes], value[open_nodes] = 2 * here + 1, p * one
            open_nodes += 1
        node[open_nodes], value[open_nodes] = 2 * here, p * (1.0 - one)
        open_nodes += 1


@exact_kernel
def draw(
    symbols: int,
    depth: int,
    gates: NDArray[np.int64],
    stimuli: Stimuli,
    memory: Memory,
    tables: Tables,
    s: Scratch,
    temperature: float,
    uniform: Float64,
) -> int:
    """Draw a symbol of tick 0, decision by decision, each sharpened by 1 / temperature; `uniform` has one for each."""
    stimuli, memory, tables, s = uncounted(stimuli), uncounted(memory), uncounted(tables), uncounted(s)
    node, tick = np.int64(1), np.int64(0)
    for bit in range(depth):
        if bit & 3 == 0:
            find_lines_(node, bit, stimuli, tick, memory, False, s)
        if is_certain(node, bit, depth, symbols):
            node = 2 * node
            continue
        p = np.float64(decide_(node, bit, depth, gates, stimuli, tick, memory, tables, s))
        odds = ((1.0 - p) / p) ** (1.0 / temperature)
        node = 2 * node + (1 if uniform[bit] * (1.0 + odds) < 1.0 else 0)
    return int(node - (1 << depth))


@exact_kernel
def decide_all_(
    symbols: int,
    depth: int,
    gates: NDArray[np.int64],
    stimuli: Stimuli,
    memory: Memory,
    tables: Tables,
    s: Scratch,
    decided: Float32,
) -> None:
    """Write of each decision of tick 0 that is not certain how probable a 1 is, by node."""
    stimuli, memory, tables, s = uncounted(stimuli), uncounted(memory), uncounted(tables), uncounted(s)
    tick = np.int64(0)
    for first in range(0, depth, 4):
        for four in range(1 << first, 2 << first):
            if (four << (depth - first)) - (1 << depth) >= symbols:
                break  # no symbol is below it, nor below those after it
            find_lines_(four, first, stimuli, tick, memory, False, s)
            for bit in range(first, min(first + 4, depth)):
                for node in range(four << (bit - first), (four + 1) << (bit - first)):
                    if not is_certain(node, bit, depth, symbols):
                        decided[node] = decide_(node, bit, depth, gates, stimuli, tick, memory, tables, s)


@exact_inlined_kernel
def _comes_before(decisions: int, value: float, node: int, other: float, other_node: int) -> bool:
    """Compare by probability, but once the budget is spent by depth first; ties by the lowest symbol."""
    if decisions >= BUDGET:
        length, other_length = int(_length(node)), int(_length(other_node))
        if length != other_length:
            return length > other_length
    return bool(value > other or (value == other and node < other_node))


@exact_inlined_kernel
def _length(node: int) -> int:
    length = 0
    while node >> length:
        length += 1
    return length
