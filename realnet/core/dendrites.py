"""Dendrites: one tick of a net whose outputs are a tree, in plain float32 NumPy. The kernel computes the same bits.

A symbol of V is log2 V decisions, the highest bit first: decision neuron 1 is the root, and after each answer the next
is twice its number plus the answer. For each decision:

    contexts fire lines -> their synapses and recalls are collected -> gates choose the gains -> somata fire and are
    mixed -> output maps say -> the answer that came overwrites -> every unit learns from its own surprise

A line is what one context is remembered by: word 0 is its name and how the last four bits went, words 1 to 15 are its
synapses to the fifteen decisions of four bits. A synapse is `uses << 24 | history << 16 | p`: how often it was asked, a
one followed by its last seven answers, and how often the answer was 1, in 1/65536.

Every change is FFWF's amount for a forced 0 or 1 (kappa 0), which is +1 or -1, times the surprise of the unit that it
ends on; a rate falls with the unit's own uses. No error is passed back. It is a relative of context mixing (Mahoney's
PAQ) and of gated linear networks (Veness et al., 2019).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import (
    BELIEFS,
    FIRST,
    GIVEN,
    GIVEN_BIT,
    MAP_ROWS,
    NODE,
    RECALL,
    ROWS,
    STEP,
    SURE,
    Memory,
    Stimuli,
)
from realnet.core.dendrite_tables import GAIN_USES, MAP_USES, USES, Tables
from realnet.core.hashing import DEEPER, MAP_SALT, MIX_1, MIX_2, NODE_SALT
from realnet.core.state import Float32

_ALL = 2**64 - 1
_ONE, _HALF = np.float32(1), np.float32(0.5)


def tick(
    memory: Memory,
    tables: Tables,
    gates: NDArray[np.int64],
    rates: Float32,
    stimuli: Stimuli,
    t: int,
    symbol: int,
    symbols: int,
    rate: float,
    gains_only: bool = False,
) -> float:
    """Return the probability of a symbol at tick t of the stimuli, and then learn it; at a rate of 0 only read.

    With `gains_only` gains and mix adapt, and nothing else changes.
    `gates` are (G, 4) soma, kind, number and whether somata are mixed by it; `rates` (N, uses) those of each soma's
    gains.
    """
    depth = (symbols - 1).bit_length()
    learns = rate > 0 and not gains_only
    node, probability = 1, 1.0
    starts: list[int] = []
    for bit in range(depth):
        if bit % 4 == 0:
            starts = find_all(memory, stimuli, t, node, bit, claim=learns)
        answer = symbol >> (depth - 1 - bit) & 1
        if not is_certain(node, bit, depth, symbols):
            p, units = decide(memory, tables, gates, stimuli, t, starts, node, bit, depth)
            probability *= float(p if answer else _ONE - p)
            if rate > 0:
                _adapt(memory, gates, rates, np.float32(rate), units, answer)
            if learns:
                _learn(memory, tables, units, answer, bit)
        node = 2 * node + answer
        if learns and (bit % 4 == 3 or bit == depth - 1):
            came = (node & 2 ** (bit % 4 + 1) - 1) << 3 - bit % 4
            for start in starts:
                word = int(memory.lines[start, 0])
                length = min(word % 16 + 1, 15) if word % 16 and word >> 4 & 15 == came else 1
                memory.lines[start, 0] = word & 0xFFFFFF00 | came << 4 | length
    return probability


def is_certain(node: int, bit: int, depth: int, symbols: int) -> bool:
    """Return whether the answer must be 0: no symbol is below the other branch."""
    return (2 * node + 1 << depth - 1 - bit) - (1 << depth) >= symbols


def find_all(memory: Memory, stimuli: Stimuli, t: int, node: int, bit: int, claim: bool) -> list[int]:
    """Return the lines of all contexts for the four decisions that begin at this node."""
    return [find(memory, h, claim) for h in hashes_of(stimuli, t, node, bit)]


def hashes_of(stimuli: Stimuli, t: int, node: int, bit: int) -> list[int]:
    """Return the hashes of all contexts for the four decisions that begin at this node."""
    return [int(h) if bit == 0 else mix(int(h) + node * DEEPER & _ALL) for h in stimuli.contexts[t]]


def mix(h: int) -> int:
    """Return the hash of `realnet.core.hashing.mixed`."""
    h = (h ^ h >> 29) * MIX_1 & _ALL
    h = (h ^ h >> 32) * MIX_2 & _ALL
    return h ^ h >> 29


def find(memory: Memory, h: int, claim: bool) -> int:
    """Return the line of a context: at its home, whose number is the low bits of its name, or 1 or 2 beside it.

    The ten bits of the name that the place tells are left out of word 0. Where there is no line: the empty one at the
    end, or, to `claim` it, the one of the three that is empty or whose first synapse is least used.
    """
    name, count = h >> 32, len(memory.lines) - 1
    known = (name >> 12 << 2 | name & 3) << 1 | 1
    places = [name & count - 1 ^ k for k in range(3)]
    words = memory.lines[places]
    for place, word in zip(places, words[:, 0], strict=True):
        if int(word) >> 9 == known:
            return place
    if not claim:
        return count
    uses = [int(word[1]) >> 24 if word[0] else -1 for word in words]
    place = places[uses.index(min(uses))]
    memory.used[0] += min(uses) < 0
    memory.lines[place] = 0
    memory.lines[place, 0] = known << 9
    return place


class Units(NamedTuple):
    """What took part in one decision, to learn from it."""

    synapses: list[tuple[int, int]]  # (K,) line and word
    runs: list[tuple[int, int] | None]  # (K,) cells of `Memory.run`, None: silent
    beliefs: list[tuple[int, int] | None]  # (K,) cells of `Memory.belief`, None: of a synapse that was never asked
    recalls: list[tuple[int, int] | None]  # (R,) rows of trust and the answer that is expected
    inputs: Float32  # (columns,)
    rows: list[int]  # (G,)
    mix_rows: list[int]  # (M,)
    heard: Float32  # (N,) of each soma, before it is squashed
    said: Float32  # (N + M,) by each soma, and by each mix of them
    map_rows: list[int]  # (A,)
    cell: int
    between: np.float32


def decide(
    memory: Memory,
    tables: Tables,
    gates: NDArray[np.int64],
    stimuli: Stimuli,
    t: int,
    starts: list[int],
    node: int,
    bit: int,
    depth: int,
) -> tuple[np.float32, Units]:
    """Return the probability of a 1, and what took part; `starts` are the lines of the contexts."""
    part = bit % 4
    within = node & 2**part - 1 | 2**part
    inputs = np.zeros(memory.gains.shape[2], np.float32)
    synapses, contexts = [(start, within) for start in starts], len(starts)
    runs, beliefs = list[tuple[int, int] | None](), list[tuple[int, int] | None]()
    seen = sure = 0
    for q, (start, column) in enumerate(zip(starts, range(FIRST, len(inputs), STEP), strict=False)):
        word, head = int(memory.lines[start, within]), int(memory.lines[start, 0])
        if word:
            seen += 1
            sure += not 2048 <= word % 65536 <= 63488
            inputs[column] = stretch(tables, memory.reflex[q, word >> 16 & 255])
            inputs[column + 1] = tables.stretch[word % 65536 >> 4] * tables.confidence[word >> 24]
        beliefs.append((q, _belief_cell(memory, tables, word)) if word and len(memory.belief) else None)
        if (belief := beliefs[q]) is not None:
            inputs[FIRST + STEP * contexts + q] = stretch(tables, memory.belief[belief])
        length, came = head % 16, head >> 4 & 15
        goes_on = length > 0 and (came | 16) >> 4 - part == within
        runs.append((length, bit) if goes_on else None)
        if goes_on:
            trust = stretch(tables, memory.run[q, length, bit])
            inputs[column + 2] = trust if came >> 3 - part & 1 else -trust
    inputs[0] = 0.4
    recalls = list[tuple[int, int] | None]()
    for r, expected in enumerate(stimuli.expected[t].tolist()):
        if expected < 0 or (expected | 2**depth) >> depth - bit != node:
            recalls.append(None)
            continue
        row, one = int(stimuli.trust[t, r]), expected >> depth - 1 - bit & 1
        recalls.append((row, one))
        trust = memory.trust[r, row]
        sign = np.float32(1 if one else -1)
        inputs[2 + 2 * r], inputs[3 + 2 * r] = sign * stretch(tables, trust), sign * (trust - _HALF) * np.float32(4)
    node_row = node if node < ROWS else (node * NODE_SALT & _ALL) >> 8 & ROWS - 1
    rows = []
    for _, kind, number, _ in gates.tolist():
        row = {NODE: node_row, SURE: 32 * seen + sure}.get(kind, 0)
        if kind == RECALL and (recalled := recalls[number]) is not None:
            row = 1 + 2 * int(stimuli.recall_gates[t, number]) + recalled[1]
        elif kind in (GIVEN, GIVEN_BIT):
            given = int(stimuli.gates[t, number])
            row = given if kind == GIVEN else given * depth + bit
        rows.append(row & ROWS - 1)
    mix_rows = [node_row, *(m * ROWS + rows[g] for m, g in enumerate(np.flatnonzero(gates[:, 3]), 1))]
    somata, mixes = memory.mix.shape[1], len(mix_rows)
    heard, said = np.zeros(somata, np.float32), np.zeros(somata + mixes, np.float32)
    for j in range(somata):
        gains = np.zeros(len(inputs), np.float32)
        for g in np.flatnonzero(gates[:, 0] == j):
            gains += memory.gains[g, rows[g]]
        lanes = np.zeros(4, np.float32)
        for four in (gains * inputs).reshape(-1, 4):
            lanes += four
        heard[j] = np.clip((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]), np.float32(-11.9), np.float32(11.9))
        said[j] = squash(tables, heard[j])
    z = np.float32(0)
    for m, row in enumerate(mix_rows):
        together = np.float32(0)
        for j in range(somata):
            together += heard[j] * memory.mix[row, j]
        together = np.clip(together, np.float32(-11.9), np.float32(11.9))
        said[somata + m] = squash(tables, together)
        z += together
    z *= np.float32(1 / mixes)
    u = (np.clip(z, np.float32(-7.99), np.float32(7.99)) + np.float32(8)) * np.float32(2)
    cell = int(u)
    between = u - np.float32(cell)
    maps = len(memory.maps)
    p, share = squash(tables, z) * np.float32(0.4 if maps else 1), np.float32(0.6 / max(maps, 1))
    map_rows = []
    for a, chosen in enumerate(stimuli.maps[t].tolist()):
        h = (node * MAP_SALT ^ chosen) & _ALL
        map_rows.append((h ^ h >> 15) & MAP_ROWS - 1)
        low, high = memory.maps[a, map_rows[a], cell : cell + 2]
        p += (low + (high - low) * between) * share
    probability = np.float32(np.clip(p, np.float32(1e-5), np.float32(1 - 1e-5)))
    return probability, Units(
        synapses, runs, beliefs, recalls, inputs, rows, mix_rows, heard, said, map_rows, cell, between
    )


def _belief_cell(memory: Memory, tables: Tables, word: int) -> int:
    """Return the cell of beliefs of a synapse: by its last answers, its uses, and what it says in steps of 1/2."""
    answers: int = (word >> 16 & memory.belief.shape[1] // BELIEFS - 1) * BELIEFS
    said = tables.stretch[word % 65536 >> 4]
    return answers + int(tables.belief_row[word >> 24]) + int((said + np.float32(9.1)) * np.float32(2))


def _adapt(
    memory: Memory, gates: NDArray[np.int64], rates: Float32, rate: np.float32, units: Units, answer: int
) -> None:
    y, somata = np.float32(answer), memory.mix.shape[1]
    if somata > 1:
        for row, said in zip(units.mix_rows, units.said[somata:], strict=True):
            memory.mix[row] += (y - said) * np.float32(0.002) * rate * units.heard
    for g, (j, _, _, _) in enumerate(gates.tolist()):
        uses = int(memory.gain_uses[g, units.rows[g]])
        memory.gain_uses[g, units.rows[g]] = min(uses + 1, GAIN_USES - 1)
        memory.gains[g, units.rows[g]] += (y - units.said[j]) * rates[j, uses] * rate * units.inputs


def _learn(memory: Memory, tables: Tables, units: Units, answer: int, bit: int) -> None:
    y = np.float32(answer)
    for q, synapse in enumerate(units.synapses):
        word = int(memory.lines[synapse])
        if not word:
            memory.lines[synapse] = 1 << 24 | (2 | answer) << 16 | (54613 if answer else 10923)
        else:
            uses, history, p = word >> 24, word >> 16 & 255, word % 65536
            nudge(memory.reflex, memory.reflex_uses, (q, history), y, tables)
            step = int(tables.synapse_rate[uses])
            p = p + ((65535 - p) * step >> 16) if answer else p - (p * step >> 16)
            history = 2 * history + answer
            history = history & 127 | 128 if history > 255 else history
            memory.lines[synapse] = min(uses + 1, USES - 1) << 24 | history << 16 | p
        if (belief := units.beliefs[q]) is not None:
            nudge(memory.belief, memory.belief_uses, belief, y, tables)
        if (run := units.runs[q]) is not None:
            right = int(memory.lines[synapse[0], 0]) >> 7 - bit % 4 & 1 == answer
            nudge(memory.run, memory.run_uses, (q, *run), np.float32(right), tables)
    for r, recall in enumerate(units.recalls):
        if recall is not None:
            nudge(memory.trust, memory.trust_uses, (r, recall[0]), np.float32(recall[1] == answer), tables)
    for a, row in enumerate(units.map_rows):
        uses = int(memory.map_uses[a, row])
        memory.map_uses[a, row] = min(uses + 1, MAP_USES - 1)
        cells = memory.maps[a, row, units.cell : units.cell + 2]
        cells += (y - cells) * tables.map_rate[uses] * np.array([_ONE - units.between, units.between])


def nudge(values: Float32, uses: NDArray[np.uint8], cell: tuple[int, ...], y: np.float32, tables: Tables) -> None:
    """Move a value towards y, by a rate that falls with its uses."""
    values[cell] += (y - values[cell]) * tables.reflex_rate[uses[cell]]
    uses[cell] = min(int(uses[cell]) + 1, USES - 1)


def stretch(tables: Tables, p: np.float32) -> np.float32:
    return np.float32(tables.stretch[int(p * np.float32(4096))])


def squash(tables: Tables, z: np.float32) -> np.float32:
    u = (z + np.float32(12)) * np.float32(4096 / 24)
    low, high = tables.squash[int(u) : int(u) + 2]
    return np.float32(low + (high - low) * (u - np.float32(int(u))))
