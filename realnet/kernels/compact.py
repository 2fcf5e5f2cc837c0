"""The law of `core/compact.py`, compiled: the same bits. Indices are unsigned in hot loops; arrays are flat."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, exact_kernel, uncounted
from realnet.core.compact import BYTES, FIRST, CompactMemory
from realnet.core.dendrite_memory import GIVEN, HISTORIES, NODE, RECALL, SURE, Stimuli
from realnet.core.dendrite_tables import Tables
from realnet.core.hashing import DEEPER, mixed
from realnet.core.state import Float32, Float64
from realnet.kernels.tree_decide import SILENT, clipped, f32, is_certain, squashed, synapse_of, u64
from realnet.kernels.tree_learn import nudge_

_DEEPER = u64(DEEPER)
_LOW, _HIGH = f32(1 / 32), f32(31 / 32)  # what a history is worth outside of them is sure


class Work(NamedTuple):
    """What one decision leaves for learning from it."""

    lines: NDArray[np.uint64]  # (K,) where the lines begin
    synapses: NDArray[np.uint64]  # (K,) where the synapses are
    inputs: Float32  # (FIRST + K,)
    rows: NDArray[np.uint64]  # (G,)
    recalled: NDArray[np.int64]  # (1,) the answer that is expected, or SILENT
    nodes: NDArray[np.int64]  # (D + 2,) of a search, those to be looked into
    chances: Float64  # (D + 2,) how probable they are

    @classmethod
    def of(cls, contexts: int, gates: int, depth: int) -> Work:
        return cls(
            np.zeros(contexts, np.uint64),
            np.zeros(contexts, np.uint64),
            np.zeros(FIRST + contexts, np.float32),
            np.zeros(gates, np.uint64),
            np.zeros(1, np.int64),
            np.zeros(depth + 2, np.int64),
            np.zeros(depth + 2),
        )


@exact_kernel
def _find_(lines: NDArray[np.uint8], h: np.uint64, claim: bool) -> np.uint64:
    """Return where the line of a context begins; if it has none: claim the least lived of three, or take the empty."""
    count, name = u64(len(lines) // BYTES - 1), np.uint8(max(h & u64(255), u64(1)))
    home = ((h >> u64(32)) * (count >> u64(2)) >> u64(32)) * u64(4) + (h >> u64(8) & u64(3))
    best, least = u64(0), np.int64(256)
    for k in range(u64(3)):
        start = (home ^ k) * u64(BYTES)
        if lines[start] == name:
            return start
        lived = np.int64(lines[start + u64(1)]) if lines[start] else np.int64(-1)
        if lived < least:
            best, least = start, lived
    if not claim:
        return count * u64(BYTES)
    for k in range(u64(1), u64(BYTES)):
        lines[best + k] = 0
    lines[best] = name
    return best


@exact_inlined_kernel
def _find_lines_(four: int, bit: int, stimuli: Stimuli, t: int, memory: CompactMemory, claim: bool, w: Work) -> None:
    for q in range(u64(len(w.lines))):
        h = stimuli.contexts[t, q]
        w.lines[q] = _find_(memory.lines, h if bit == 0 else mixed(h + u64(four) * _DEEPER), claim)


@exact_inlined_kernel
def _decide_(
    node: int,
    bit: int,
    depth: int,
    gates: NDArray[np.int64],
    stimuli: Stimuli,
    t: int,
    memory: CompactMemory,
    tables: Tables,
    w: Work,
) -> np.float32:
    """Return the probability that a decision neuron answers 1; `w.lines` are those of its four bits."""
    within, seen, sure = synapse_of(node, bit), 0, 0
    for q in range(u64(len(w.lines))):
        w.synapses[q] = w.lines[q] + within
        history = u64(memory.lines[w.synapses[q]])
        w.inputs[u64(FIRST) + q] = f32(0)
        if history > u64(0):
            worth = memory.reflex[q * u64(HISTORIES) + history]
            seen += 1
            sure += worth < _LOW or worth > _HIGH
            w.inputs[u64(FIRST) + q] = tables.stretch[u64(worth * f32(4096))]
    w.inputs[0], first, second, expected = f32(0.4), f32(0), f32(0), stimuli.expected[t, 0]
    w.recalled[0] = SILENT
    if expected >= 0 and (expected | 1 << depth) >> (depth - bit) == node:
        w.recalled[0] = expected >> (depth - 1 - bit) & 1
        trust = memory.trust[stimuli.trust[t, 0]]
        first, second = tables.stretch[u64(trust * f32(4096))], (trust - f32(0.5)) * f32(4)
        if w.recalled[0] == 0:
            first, second = -first, -second
    w.inputs[1], w.inputs[2] = first, second
    for g in range(len(gates)):
        kind, row = gates[g, 0], 0
        if kind == NODE:
            row = node
        elif kind == SURE:
            row = (len(w.lines) + 1) * seen + sure
        elif kind == RECALL:
            if w.recalled[0] >= 0:
                row = int(1 + 2 * stimuli.recall_gates[t, 0] + w.recalled[0])
        elif kind == GIVEN:
            row = int(stimuli.gates[t, gates[g, 1]])
        else:
            row = int(stimuli.gates[t, gates[g, 1]] * depth + bit)
        w.rows[g] = u64(gates[g, 2] + row % gates[g, 3])
    heard, columns = f32(0), u64(len(w.inputs))
    for column in range(columns):
        gain = f32(0)
        for g in range(u64(len(w.rows))):
            gain += memory.gains[w.rows[g] * columns + column]
        heard += gain * w.inputs[column]
    p = squashed(clipped(heard, f32(11.9)), tables.squash)
    return min(max(p, f32(1e-5)), f32(1 - 1e-5))


@exact_inlined_kernel
def _learn_(
    answer: int, p: np.float32, trust: int, rates: Float32, rate: np.float32, m: CompactMemory, tables: Tables, w: Work
) -> None:
    y, columns = f32(answer), u64(len(w.inputs))
    for g in range(u64(len(w.rows))):
        row = w.rows[g]
        n = m.gain_uses[row]
        if n < 8191:
            m.gain_uses[row] = n + 1
        amount = (y - p) * rates[n] * rate
        for column in range(columns):
            m.gains[row * columns + column] += amount * w.inputs[column]
    for q in range(u64(len(w.lines))):
        history = u64(m.lines[w.synapses[q]])
        nudge_(m.reflex, m.reflex_uses, q * u64(HISTORIES) + history, y, history > u64(0), tables)
        history = max(history, u64(1)) * u64(2) + u64(answer)
        m.lines[w.synapses[q]] = history & u64(127) | u64(128) if history > u64(255) else history
    nudge_(m.trust, m.trust_uses, u64(trust), f32(w.recalled[0] == answer), w.recalled[0] >= 0, tables)


@exact_kernel
def run_(
    tokens: NDArray[np.int32],
    symbols: int,
    depth: int,
    gates: NDArray[np.int64],
    rates: Float32,
    rate: np.float32,
    stimuli: Stimuli,
    memory: CompactMemory,
    tables: Tables,
    w: Work,
    probability: Float64,
    best: NDArray[np.int32],
    best_probability: Float32,
    tick: int,
    every: int,
) -> None:
    """Run the tokens: all is as in `tree_run.run_`, but the lines never grow."""
    stimuli, memory, tables, w = uncounted(stimuli), uncounted(memory), uncounted(tables), uncounted(w)
    learns = rate > 0
    for t in range(len(tokens)):
        if best.shape[1] > 0 and (tick + t) % every == 0:
            likeliest_(symbols, depth, gates, stimuli, t, memory, tables, w, best[t], best_probability[t])
        symbol, node, product = np.int64(tokens[t]), np.int64(1), 1.0
        for bit in range(depth):
            if bit & 3 == 0:
                _find_lines_(node, bit, stimuli, t, memory, learns, w)
            answer = int(symbol >> (depth - 1 - bit) & 1)
            if not is_certain(node, bit, depth, symbols):
                p = _decide_(node, bit, depth, gates, stimuli, t, memory, tables, w)
                product *= np.float64(p if answer else f32(1) - p)
                if learns:
                    _learn_(answer, p, stimuli.trust[t, 0], rates, rate, memory, tables, w)
            node = node * 2 + answer
        probability[t] = product


@exact_kernel
def likeliest_(
    symbols: int,
    depth: int,
    gates: NDArray[np.int64],
    stimuli: Stimuli,
    t: int,
    memory: CompactMemory,
    tables: Tables,
    w: Work,
    token: NDArray[np.int32],
    probability: Float32,
) -> None:
    """Write the likeliest symbols of tick t, best first; what is missing is symbol 0 at 0.

    The likelier branch is looked into first, and none that is less likely than all that were found.
    """
    stimuli, memory, tables, w = uncounted(stimuli), uncounted(memory), uncounted(tables), uncounted(w)
    for k in range(len(token)):
        token[k], probability[k] = 0, 0
    w.nodes[0], w.chances[0], left, begun = 1, 1.0, 1, 0
    while left > 0:
        left -= 1
        node, chance = w.nodes[left], w.chances[left]
        if chance <= probability[-1]:
            continue
        if node >> depth:
            k = len(token) - 1
            while k > 0 and chance > probability[k - 1]:
                token[k], probability[k] = token[k - 1], probability[k - 1]
                k -= 1
            token[k], probability[k] = node - (1 << depth), chance
            continue
        bit = 0
        while node >> (bit + 1):
            bit += 1
        four = node >> (bit & 3)
        if four != begun:
            _find_lines_(four, bit & ~3, stimuli, t, memory, False, w)
            begun = four
        one = 0.0
        if not is_certain(node, bit, depth, symbols):
            one = np.float64(_decide_(node, bit, depth, gates, stimuli, t, memory, tables, w))
        likelier = 1 if one > 0.5 else 0
        w.nodes[left], w.chances[left] = 2 * node + 1 - likelier, chance * min(one, 1.0 - one)
        w.nodes[left + 1], w.chances[left + 1] = 2 * node + likelier, chance * max(one, 1.0 - one)
        left += 2


@exact_kernel
def draw(
    symbols: int,
    depth: int,
    gates: NDArray[np.int64],
    stimuli: Stimuli,
    memory: CompactMemory,
    tables: Tables,
    w: Work,
    temperature: float,
    uniform: Float64,
) -> int:
    """Draw a symbol of tick 0 as `tree_search.draw` does."""
    stimuli, memory, tables, w = uncounted(stimuli), uncounted(memory), uncounted(tables), uncounted(w)
    node, tick = np.int64(1), np.int64(0)
    for bit in range(depth):
        if bit & 3 == 0:
            _find_lines_(node, bit, stimuli, tick, memory, False, w)
        if is_certain(node, bit, depth, symbols):
            node = 2 * node
            continue
        p = np.float64(_decide_(node, bit, depth, gates, stimuli, tick, memory, tables, w))
        odds = ((1.0 - p) / p) ** (1.0 / temperature)
        node = 2 * node + (1 if uniform[bit] * (1.0 + odds) < 1.0 else 0)
    return int(node - (1 << depth))
