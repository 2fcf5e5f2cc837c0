"""How a net of dendrites learns an answer: every unit from its own surprise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import IS_PLAIN, exact_inlined_kernel
from realnet.core.dendrite_memory import CELLS, HISTORIES, Memory
from realnet.core.dendrite_tables import Tables
from realnet.core.state import Float32
from realnet.kernels.tree_decide import Scratch, f32, i64, u32, u64
from realnet.kernels.tree_gains import row_to_adapt
from realnet.kernels.tree_maps import row_to_learn

if IS_PLAIN:
    from realnet.kernels.plain_eights import learn_row_
else:
    from realnet.kernels.eights import learn_row_


@exact_inlined_kernel
def nudge_(
    value: Float32, uses: NDArray[np.uint8], cell: np.uint64, y: np.float32, moves: bool, tables: Tables
) -> None:
    """Move a value towards y, by a rate that falls with its uses; or, without a branch, leave it as it is."""
    n, before = uses[cell], value[cell]
    after = before + (y - before) * tables.reflex_rate[u64(n)]
    value[cell] = after if moves else before
    uses[cell] = n + np.uint8(moves & (n < 255))


@exact_inlined_kernel
def adapt_(answer: int, gates: NDArray[np.int64], rates: Float32, rate: np.float32, memory: Memory, s: Scratch) -> None:
    """Learn the answer that came by gains and mix alone."""
    y, somata = f32(answer), len(s.heard)
    if somata > 1:
        for m in range(len(s.mix_rows)):
            surprise = (y - s.said[somata + m]) * f32(0.002) * rate
            for j in range(somata):
                memory.mix[s.mix_rows[m] * u64(somata) + u64(j)] += surprise * s.heard[j]
    for g in range(len(gates)):
        j, row = gates[g, 0], row_to_adapt(memory, s.asked, g, s.rows[g])
        n = memory.gain_uses[row]
        if n < 8191:
            memory.gain_uses[row] = n + 1
        amount = (y - s.said[j]) * rates[j, n] * rate
        learn_row_(memory.gains, row, amount, s.inputs)


@exact_inlined_kernel
def _learn_synapses_(bit: int, answer: int, memory: Memory, tables: Tables, s: Scratch) -> None:
    y, first = f32(answer), u32(1 << 24 | (2 | answer) << 16 | (54613 if answer else 10923))
    for q in range(u64(len(s.lines))):
        word = memory.lines[s.synapses[q]]
        known = word != u32(0)
        h, n, p = word >> u32(16) & u32(0xFF), i64(word >> u32(24)), i64(word & u32(0xFFFF))
        nudge_(memory.reflex, memory.reflex_uses, q * u64(HISTORIES) + u64(h), y, known, tables)
        rate = tables.synapse_rate[u64(n)]
        p += (65535 - p) * rate >> 16 if answer else -(p * rate >> 16)
        n += n < 255
        h = h * u32(2) + u32(answer)
        h = h & u32(0x7F) | u32(0x80) if h > u32(0xFF) else h
        memory.lines[s.synapses[q]] = u32(n << 24 | i64(h) << 16 | p) if known else first
        came, goes_on = memory.lines[s.lines[q]] >> u32(7 - (bit & 3)) & u32(1), s.runs[q] >= 0
        cell = u64(s.runs[q]) if goes_on else u64(0)
        nudge_(memory.run, memory.run_uses, cell, f32(came == u32(answer)), goes_on, tables)


@exact_inlined_kernel
def _learn_beliefs_(answer: int, memory: Memory, tables: Tables, s: Scratch) -> None:
    for q in range(u64(len(s.lines))):
        known = s.beliefs[q] >= 0
        cell = u64(s.beliefs[q]) if known else u64(0)
        nudge_(memory.belief, memory.belief_uses, cell, f32(answer), known, tables)


@exact_inlined_kernel
def _learn_recalls_and_maps_(answer: int, memory: Memory, tables: Tables, s: Scratch) -> None:
    for r in range(len(s.recalled)):
        if s.recalled[r] >= 0:
            nudge_(memory.trust, memory.trust_uses, u64(s.trusts[r]), f32(s.recalled[r] == answer), True, tables)
    y, between = f32(answer), s.between[0]
    for a in range(len(s.map_rows)):
        row = row_to_learn(memory, s.map_rows[a])
        n = memory.map_uses[row]
        if n < 1023:
            memory.map_uses[row] = n + 1
        cell, rate = row * u64(CELLS) + s.cell[0], tables.map_rate[u64(n)]
        memory.maps[cell] += (y - memory.maps[cell]) * rate * (f32(1) - between)
        memory.maps[cell + u64(1)] += (y - memory.maps[cell + u64(1)]) * rate * between


@exact_inlined_kernel
def keep_runs_(came: int, memory: Memory, s: Scratch) -> None:
    """Write into each line which of its sixteen ends came, and how often in a row."""
    for q in range(u64(len(s.lines))):
        word = memory.lines[s.lines[q]]
        length = word & u32(15)
        goes_on = length > u32(0) and (word >> u32(4) & u32(15)) == u32(came)
        length = min(length + u32(1), u32(15)) if goes_on else u32(1)
        memory.lines[s.lines[q]] = word & u32(0xFFFFFF00) | u32(came) << u32(4) | length


@exact_inlined_kernel
def learn_(
    bit: int,
    answer: int,
    gates: NDArray[np.int64],
    rates: Float32,
    rate: np.float32,
    memory: Memory,
    tables: Tables,
    s: Scratch,
) -> None:
    """Learn the answer that came, each unit from its own surprise."""
    adapt_(answer, gates, rates, rate, memory, s)
    _learn_synapses_(bit, answer, memory, tables, s)
    if len(memory.belief) > 0:
        _learn_beliefs_(answer, memory, tables, s)
    _learn_recalls_and_maps_(answer, memory, tables, s)
