"""Compact dendrites, for small devices: one tick in plain float32 NumPy. The kernel computes the same bits.

As in `realnet.core.dendrites`, but a line has 16 bytes: eight bits of its name, 0 of an empty line, and a history for
each of fifteen decisions: a one followed by the last seven answers, 0: never asked. A synapse says only what its
history is worth. There are one recall, one soma and no output maps, and a gate has no more rows than it chooses from.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import GIVEN, GIVEN_BIT, NODE, RECALL, SURE, Stimuli
from realnet.core.dendrite_tables import GAIN_USES, Tables
from realnet.core.dendrites import is_certain, mix, nudge, squash, stretch
from realnet.core.hashing import DEEPER
from realnet.core.state import Float32

BYTES = 16  # of a line
TRUSTS = 64
FIRST = 3  # column of the first context: before it are bias, and two of the recall
_ALL = 2**64 - 1
_ONE, _HALF = np.float32(1), np.float32(0.5)


class CompactMemory(NamedTuple):
    """All that a compact net of K contexts has learnt; its gates have R rows together."""

    lines: NDArray[np.uint8]  # (L + 1, BYTES), L a multiple of 4; the last stays empty
    reflex: Float32  # (K, HISTORIES) what a history is worth
    reflex_uses: NDArray[np.uint8]
    trust: Float32  # (TRUSTS,) how often the recall is right
    trust_uses: NDArray[np.uint8]
    gains: Float32  # (R, FIRST + K)
    gain_uses: NDArray[np.uint16]  # (R,)


class Units(NamedTuple):
    """What took part in one decision, to learn from it."""

    synapses: list[tuple[int, int]]  # (K,) line and byte
    recall: tuple[int, int] | None  # a row of trust and the answer that is expected, None: silent
    inputs: Float32
    rows: list[int]  # of the gains, one a gate


def tick(
    memory: CompactMemory,
    tables: Tables,
    gates: NDArray[np.int64],
    rates: Float32,
    stimuli: Stimuli,
    t: int,
    symbol: int,
    symbols: int,
    rate: float,
) -> float:
    """Return the probability of a symbol at tick t of the stimuli, and then learn it; at a rate of 0 only read.

    `gates` are (G, 4) kind, number, first row and how many; `rates` those of the gains by their uses.
    """
    depth, node, probability = (symbols - 1).bit_length(), 1, 1.0
    lines: list[int] = []
    for bit in range(depth):
        if bit % 4 == 0:
            hashes = [int(h) if bit == 0 else mix(int(h) + node * DEEPER & _ALL) for h in stimuli.contexts[t]]
            lines = [find(memory, h, claim=rate > 0) for h in hashes]
        answer = symbol >> (depth - 1 - bit) & 1
        if not is_certain(node, bit, depth, symbols):
            p, units = decide(memory, tables, gates, stimuli, t, lines, node, bit, depth)
            probability *= float(p if answer else _ONE - p)
            if rate > 0:
                _learn(memory, tables, rates, np.float32(rate), units, p, answer)
        node = 2 * node + answer
    return probability


def find(memory: CompactMemory, h: int, claim: bool) -> int:
    """Return the line of a context: at its home, or 1 or 2 beside it.

    Where there is no line: the empty one at the end, or, to `claim` it, the one of the three that is empty or whose
    first history is the lowest number, as a short one is.
    """
    count, name = len(memory.lines) - 1, max(h & 255, 1)
    home = ((h >> 32) * (count // 4) >> 32) * 4 + (h >> 8 & 3)
    places = [home ^ k for k in range(3)]
    for place in places:
        if memory.lines[place, 0] == name:
            return place
    if not claim:
        return count
    lived = [int(memory.lines[place, 1]) if memory.lines[place, 0] else -1 for place in places]
    place = places[lived.index(min(lived))]
    memory.lines[place] = 0
    memory.lines[place, 0] = name
    return place


def decide(
    memory: CompactMemory,
    tables: Tables,
    gates: NDArray[np.int64],
    stimuli: Stimuli,
    t: int,
    lines: list[int],
    node: int,
    bit: int,
    depth: int,
) -> tuple[np.float32, Units]:
    """Return the probability of a 1, and what took part; `lines` are those of the contexts."""
    within = node & 2 ** (bit % 4) - 1 | 2 ** (bit % 4)
    inputs = np.zeros(FIRST + len(lines), np.float32)
    seen = sure = 0
    for q, line in enumerate(lines):
        history = memory.lines[line, within]
        if history:
            worth = memory.reflex[q, history]
            seen += 1
            sure += not np.float32(1 / 32) <= worth <= np.float32(31 / 32)
            inputs[FIRST + q] = stretch(tables, worth)
    inputs[0], recall = 0.4, None
    expected = int(stimuli.expected[t, 0])
    if expected >= 0 and (expected | 2**depth) >> depth - bit == node:
        recall = int(stimuli.trust[t, 0]), expected >> depth - 1 - bit & 1
        trust, sign = memory.trust[recall[0]], np.float32(1 if recall[1] else -1)
        inputs[1], inputs[2] = sign * stretch(tables, trust), sign * (trust - _HALF) * np.float32(4)
    rows = []
    for kind, number, first, count in gates.tolist():
        row = {NODE: node, SURE: (len(lines) + 1) * seen + sure}.get(kind, 0)
        if kind == RECALL and recall is not None:
            row = 1 + 2 * int(stimuli.recall_gates[t, 0]) + recall[1]
        elif kind in (GIVEN, GIVEN_BIT):
            given = int(stimuli.gates[t, number])
            row = given if kind == GIVEN else given * depth + bit
        rows.append(first + row % count)
    heard = np.float32(0)
    for column, value in enumerate(inputs):
        gain = np.float32(0)
        for row in rows:
            gain += memory.gains[row, column]
        heard += gain * value
    p = squash(tables, np.clip(heard, np.float32(-11.9), np.float32(11.9)))
    synapses = [(line, within) for line in lines]
    return np.clip(p, np.float32(1e-5), np.float32(1 - 1e-5)), Units(synapses, recall, inputs, rows)


def _learn(
    memory: CompactMemory, tables: Tables, rates: Float32, rate: np.float32, units: Units, p: np.float32, answer: int
) -> None:
    y = np.float32(answer)
    for row in units.rows:
        uses = int(memory.gain_uses[row])
        memory.gain_uses[row] = min(uses + 1, GAIN_USES - 1)
        memory.gains[row] += (y - p) * rates[uses] * rate * units.inputs
    for q, synapse in enumerate(units.synapses):
        history = int(memory.lines[synapse])
        if history:
            nudge(memory.reflex, memory.reflex_uses, (q, history), y, tables)
        history = 2 * (history or 1) + answer
        memory.lines[synapse] = history & 127 | 128 if history > 255 else history
    if units.recall is not None:
        row, expected = units.recall
        nudge(memory.trust, memory.trust_uses, (row,), np.float32(expected == answer), tables)
