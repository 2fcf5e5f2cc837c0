"""The law of `core/dendrites.py`, compiled: the same bits.

Indices are unsigned in every hot loop, since LLVM does not vectorise what may be negative; arrays are flat.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import IS_PLAIN, exact_inlined_kernel, optional
from realnet.core.dendrite_memory import (
    BELIEFS,
    FIRST,
    GIVEN,
    HISTORIES,
    NODE,
    RECALL,
    ROWS,
    RUNS,
    STEP,
    SURE,
    TRUSTS,
    Memory,
    Stimuli,
)
from realnet.core.dendrite_tables import Tables
from realnet.core.hashing import NODE_SALT
from realnet.core.state import Float32
from realnet.kernels.tree_gains import row_of_gains
from realnet.kernels.tree_maps import low_and_high, map_row

if IS_PLAIN:
    from realnet.kernels.plain_eights import fired
else:
    from realnet.kernels.eights import fired

f32, i64, u32, u64 = np.float32, np.int64, np.uint32, np.uint64
_NODES = u64(NODE_SALT)
_TOP, _EDGE = f32(11.9), f32(7.99)  # of what is squashed, and of what the maps take
SILENT = -1
above_lines = optional("above_lines")


class Scratch(NamedTuple):
    """What one decision leaves for learning from it."""

    lines: NDArray[np.uint64]  # (K,) where the lines begin
    synapses: NDArray[np.uint64]  # (K,) where the synapses are
    runs: NDArray[np.int64]  # (K,) cells of `Memory.run`, or SILENT
    beliefs: NDArray[np.int64]  # (K,) cells of `Memory.belief`, or SILENT
    inputs: Float32  # (columns,)
    rows: NDArray[np.uint64]  # (G,)
    mix_rows: NDArray[np.uint64]  # (M,)
    heard: Float32  # (N,) of each soma, before it is squashed
    said: Float32  # (N + M,) by each soma, and by each mix of them
    recalled: NDArray[np.int64]  # (R,) the bits that are expected, or SILENT
    trusts: NDArray[np.int64]  # (R,)
    map_rows: NDArray[np.uint64]  # (A,)
    cell: NDArray[np.uint64]  # (1,) of the maps' rows
    between: Float32  # (1,) how far beyond that cell
    asked: NDArray[np.uint64]  # (G,) of a child: the rows that its gates choose, before they are its own

    @classmethod
    def of(cls, contexts: int, columns: int, gates: int, somata: int, mixes: int, recalls: int, maps: int) -> Scratch:
        return cls(
            lines=np.zeros(contexts, np.uint64),
            synapses=np.zeros(contexts, np.uint64),
            runs=np.zeros(contexts, np.int64),
            beliefs=np.zeros(contexts, np.int64),
            inputs=np.zeros(columns, np.float32),
            rows=np.zeros(gates, np.uint64),
            mix_rows=np.zeros(mixes, np.uint64),
            heard=np.zeros(somata, np.float32),
            said=np.zeros(somata + mixes, np.float32),
            recalled=np.zeros(recalls, np.int64),
            trusts=np.zeros(recalls, np.int64),
            map_rows=np.zeros(maps, np.uint64),
            cell=np.zeros(1, np.uint64),
            between=np.zeros(1, np.float32),
            asked=np.zeros(gates, np.uint64),
        )


@exact_inlined_kernel
def squashed(z: np.float32, table: Float32) -> np.float32:
    u = (z + f32(12)) * f32(4096 / 24)
    k = u64(u)
    low: np.float32 = table[k]
    high: np.float32 = table[k + u64(1)]
    return low + (high - low) * (u - f32(k))


@exact_inlined_kernel
def clipped(z: np.float32, most: np.float32) -> np.float32:
    return most if z > most else -most if z < -most else z


@exact_inlined_kernel
def node_row(node: int) -> np.uint64:
    return u64(node) if node < ROWS else u64(node) * _NODES >> u64(8) & u64(ROWS - 1)


@exact_inlined_kernel
def synapse_of(node: int, bit: int) -> np.uint64:
    """Return which synapse of a line is this decision's: 1, or the bits since its four began, after a 1."""
    part = bit & 3
    return u64(node & ((1 << part) - 1) | 1 << part)


@exact_inlined_kernel
def _word(lines: NDArray[np.uint32], above: NDArray[np.uint32] | None, at: np.uint64) -> np.uint32:
    """Return a word of a line, which of a child may be one of its parent's: they are told as if behind its own."""
    if above is None:
        return lines[at]  # type: ignore[no-any-return]
    word: np.uint32 = lines[at] if at < u64(len(lines)) else above[at - u64(len(lines))]
    return word


@exact_inlined_kernel
def _collect_(bit: int, within: np.uint64, memory: Memory, tables: Tables, s: Scratch) -> np.uint64:
    """Write the inputs of every context; return the row of the gate `sure`.

    What is not asked for is computed as well, and dropped: whether a synapse is known is not to be guessed, so that a
    branch costs more than a few loads.
    """
    part = u64(bit & 3)
    above = above_lines(memory)
    seen, sure = u64(0), u64(0)
    column = u64(FIRST)
    for q in range(u64(len(s.lines))):
        synapse = s.lines[q] + within
        word = _word(memory.lines, above, synapse)
        s.synapses[q] = synapse
        known = word != u32(0)
        p = word & u32(0xFFFF)
        seen += u64(known)
        sure += u64(known & ((p < u32(2048)) | (p > u32(63488))))
        history = q * u64(HISTORIES) + u64(word >> u32(16) & u32(0xFF))
        worth = tables.stretch[u64(memory.reflex[history] * f32(4096))]
        says = tables.stretch[u64(p >> u32(4))] * tables.confidence[u64(word >> u32(24))]
        s.inputs[column] = worth if known else f32(0)
        s.inputs[column + u64(1)] = says if known else f32(0)
        head = u64(_word(memory.lines, above, s.lines[q]))
        length, came = head & u64(15), head >> u64(4) & u64(15)
        goes_on = (length > u64(0)) & ((came | u64(16)) >> (u64(4) - part) == within)
        cell = (q * u64(RUNS) + length) * u64(16) + u64(bit)
        trust = tables.stretch[u64(memory.run[cell] * f32(4096))]
        trust = trust if came >> (u64(3) - part) & u64(1) else -trust
        s.inputs[column + u64(2)] = trust if goes_on else f32(0)
        s.runs[q] = i64(cell) if goes_on else i64(SILENT)
        column += u64(STEP)
    return seen * u64(32) + sure


@exact_inlined_kernel
def _ask_beliefs_(memory: Memory, tables: Tables, s: Scratch) -> None:
    """Write the fourth input of every context."""
    contexts, above = u64(len(s.lines)), above_lines(memory)
    each = u64(len(memory.belief)) // contexts
    answers = u32(each // u64(BELIEFS) - u64(1))
    for q in range(contexts):
        word = _word(memory.lines, above, s.synapses[q])
        known, says = word != u32(0), tables.stretch[u64((word & u32(0xFFFF)) >> u32(4))]
        row = tables.belief_row[u64(word >> u32(24))]
        cell = i64(q * each) + i64(word >> u32(16) & answers) * BELIEFS + row + i64((says + f32(9.1)) * f32(2))
        belief = tables.stretch[u64(memory.belief[u64(cell)] * f32(4096))]
        s.beliefs[q] = cell if known else i64(SILENT)
        s.inputs[u64(FIRST) + u64(STEP) * contexts + q] = belief if known else f32(0)


@exact_inlined_kernel
def _ask_recalls_(
    node: int, bit: int, depth: int, stimuli: Stimuli, t: int, memory: Memory, tables: Tables, s: Scratch
) -> None:
    for r in range(len(s.recalled)):
        expected = stimuli.expected[t, r]
        first = second = f32(0)
        s.recalled[r] = SILENT
        if expected >= 0 and (expected | 1 << depth) >> (depth - bit) == node:
            s.recalled[r] = expected >> (depth - 1 - bit) & 1
            s.trusts[r] = r * TRUSTS + stimuli.trust[t, r]
            trust = memory.trust[s.trusts[r]]
            first, second = tables.stretch[u64(trust * f32(4096))], (trust - f32(0.5)) * f32(4)
            if s.recalled[r] == 0:
                first, second = -first, -second
        s.inputs[2 + 2 * r], s.inputs[3 + 2 * r] = first, second


@exact_inlined_kernel
def _choose_rows_(
    node: int,
    bit: int,
    depth: int,
    sure: np.uint64,
    gates: NDArray[np.int64],
    stimuli: Stimuli,
    t: int,
    memory: Memory,
    s: Scratch,
) -> None:
    mixes = u64(1)
    s.mix_rows[0] = node_row(node)
    for g in range(len(gates)):
        kind, number, row = gates[g, 1], gates[g, 2], u64(0)
        if kind == NODE:
            row = node_row(node)
        elif kind == SURE:
            row = sure
        elif kind == RECALL:
            if s.recalled[number] >= 0:
                row = u64(1 + 2 * stimuli.recall_gates[t, number] + s.recalled[number])
        elif kind == GIVEN:
            row = u64(stimuli.gates[t, number])
        else:
            row = u64(stimuli.gates[t, number] * depth + bit)
        row &= u64(ROWS - 1)
        s.rows[g] = row_of_gains(memory, s.asked, g, u64(g * ROWS) + row)
        if gates[g, 3] != 0:
            s.mix_rows[mixes] = mixes * u64(ROWS) + row
            mixes += u64(1)


@exact_inlined_kernel
def _fire_(gates: NDArray[np.int64], memory: Memory, tables: Tables, s: Scratch) -> np.float32:
    """Return what both somata together say, before it is squashed: the mean of their mixes."""
    somata, mixes = len(s.heard), len(s.mix_rows)
    end = 0
    for j in range(somata):
        first = end
        while end < len(gates) and gates[end, 0] == j:
            end += 1
        z = clipped(fired(memory.gains, s.rows, first, end, s.inputs), _TOP)
        s.heard[j], s.said[j] = z, squashed(z, tables.squash)
    mean = f32(0)
    for m in range(mixes):
        together = f32(0)
        for j in range(somata):
            together += s.heard[j] * memory.mix[s.mix_rows[m] * u64(somata) + u64(j)]
        together = clipped(together, _TOP)
        s.said[somata + m] = squashed(together, tables.squash)
        mean += together
    return mean * f32(1 / mixes)


@exact_inlined_kernel
def _say_(node: int, z: np.float32, p: np.float32, stimuli: Stimuli, t: int, memory: Memory, s: Scratch) -> np.float32:
    u = (clipped(z, _EDGE) + f32(8)) * f32(2)
    cell = u64(u)
    between = u - f32(cell)
    s.cell[0], s.between[0] = cell, between
    maps = len(s.map_rows)
    said, share = p * (f32(0.4) if maps > 0 else f32(1)), f32(0.6 / max(maps, 1))
    for a in range(maps):
        row = map_row(a, node, stimuli, t)
        s.map_rows[a] = row
        low, high = low_and_high(memory, row, cell)
        said += (low + (high - low) * between) * share
    return min(max(said, f32(1e-5)), f32(1 - 1e-5))


@exact_inlined_kernel
def decide_(
    node: int,
    bit: int,
    depth: int,
    gates: NDArray[np.int64],
    stimuli: Stimuli,
    t: int,
    memory: Memory,
    tables: Tables,
    s: Scratch,
) -> np.float32:
    """Return the probability that a decision neuron answers 1; `s.lines` are those of its four bits."""
    sure = _collect_(bit, synapse_of(node, bit), memory, tables, s)
    if len(memory.belief) > 0:
        _ask_beliefs_(memory, tables, s)
    s.inputs[0] = f32(0.4)
    _ask_recalls_(node, bit, depth, stimuli, t, memory, tables, s)
    _choose_rows_(node, bit, depth, sure, gates, stimuli, t, memory, s)
    z = _fire_(gates, memory, tables, s)
    probability: np.float32 = _say_(node, z, squashed(z, tables.squash), stimuli, t, memory, s)
    return probability


@exact_inlined_kernel
def is_certain(node: int, bit: int, depth: int, symbols: int) -> bool:
    """Return whether the answer must be 0: no symbol is below the other branch."""
    return (2 * node + 1 << depth - 1 - bit) - (1 << depth) >= symbols
