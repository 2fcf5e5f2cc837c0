"""Why a net of dendrites expects a token: what each dendrite and each recall says of it, and how far it is heard."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import FIRST, STEP, Memory
from realnet.core.dendrite_tables import tables
from realnet.core.dendrites import Units, decide, find_all, hashes_of, is_certain
from realnet.core.state import Float64
from realnet.dendrites.compact import CompactNet
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.wiring import Wiring
from realnet.tokens.ids import Tokens


@dataclass(frozen=True, slots=True)
class DendriteSays:
    """What one dendrite says.

    Attributes:
        context: its name in `realnet.dendrites.text`.
        asked: how often its synapse to the first decision was asked in this context, up to 255; 0: it is new to it.
        probability: of the token, if only this dendrite's own synapses were heard.
        gain: by which it is multiplied, a mean over the decisions, the somata and its inputs.
        bits: how far it moves the net towards the token; below 0: away from it.
    """

    context: str
    asked: int
    probability: float
    gain: float
    bits: float


@dataclass(frozen=True, slots=True)
class RecallSays:
    """What a recall expects, None if it is silent, and how far it moves the net towards the token, in bits."""

    least: int
    expects: int | None
    bits: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a token is as probable as it is: those that move the net most come first."""

    token: int
    probability: float
    dendrites: list[DendriteSays]
    recalls: list[RecallSays]

    def named(self, tokens: Tokens) -> Explanation:
        """Return the same of tokens instead of leaves of the tree; `tokens` are those of the leaves."""
        recalls = [
            each if each.expects is None else replace(each, expects=int(tokens[each.expects])) for each in self.recalls
        ]
        return replace(self, token=int(tokens[self.token]), recalls=recalls)


def explain(net: DendriteNet, token: int | None = None) -> Explanation:
    """Explain what the net expects now of a token, None: of the likeliest. Nothing changes, and nothing is learnt.

    The net's own decisions are taken once more, by the law, some 10 ms. Raises ValueError for a token that is none, and
    for a compact net.
    """
    if isinstance(net, CompactNet):
        raise ValueError("a compact net does not tell why")
    if token is None:
        token = int(net.expected(1)[0][0])
    if not 0 <= token < net.symbols:
        raise ValueError(f"token must be in 0 to {net.symbols - 1}")
    wiring, stimuli, depth = net.wiring, net.stimuli(), (net.symbols - 1).bit_length()
    gates, path = wiring.gates, [(1 << bit | token >> depth - bit, bit) for bit in range(0, depth, 4)]
    memory = net.asked([h for four, bit in path for h in hashes_of(stimuli, 0, four, bit)])
    contexts, recalls = len(wiring.contexts), len(wiring.recalls)
    says, gain = np.ones(contexts), np.zeros(contexts)
    asked, moved = np.zeros(contexts, int), np.zeros(wiring.columns)
    node, probability, starts = 1, 1.0, list[int]()
    for bit in range(depth):
        if bit % 4 == 0:
            starts = find_all(memory, stimuli, 0, node, bit, claim=False)
        answer = token >> (depth - 1 - bit) & 1
        if not is_certain(node, bit, depth, net.symbols):
            p, units = decide(memory, tables(), gates, stimuli, 0, starts, node, bit, depth)
            probability *= float(p if answer else 1 - p)
            gains = _gains(memory, gates, units)
            moved += (1 if answer else -1) * gains * units.inputs
            gain += _by_context(gains, wiring).mean(axis=1) / depth
            for q, (line, within) in enumerate(units.synapses):
                word = int(memory.lines[line, within])
                one = (word % 65536 + 0.5) / 65536 if word else 0.5
                says[q] *= one if answer else 1 - one
                asked[q] = word >> 24 if bit == 0 else asked[q]
        node = 2 * node + answer
    bits = moved / math.log(2)
    by_dendrite = _by_context(bits, wiring).sum(axis=1)
    dendrites = [
        DendriteSays(name, int(asked[q]), float(says[q]), float(gain[q]), float(by_dendrite[q]))
        for q, name in enumerate(wiring.contexts)
    ]
    expected = [int(each) if each >= 0 else None for each in stimuli.expected[0]]
    said = [
        RecallSays(wiring.recalls[r].least, expected[r], float(bits[2 + 2 * r : 4 + 2 * r].sum()))
        for r in range(recalls)
    ]
    return Explanation(
        token,
        probability,
        sorted(dendrites, key=lambda each: -abs(each.bits)),
        sorted(said, key=lambda each: -abs(each.bits)),
    )


def _by_context(columns: Float64, wiring: Wiring) -> Float64:
    """Return (K, inputs) the columns of each context."""
    contexts = len(wiring.contexts)
    own = columns[FIRST : FIRST + STEP * contexts].reshape(contexts, STEP)
    if not wiring.beliefs:
        return own
    beliefs = columns[FIRST + STEP * contexts :][:contexts]
    return np.column_stack([own, beliefs])


def _gains(memory: Memory, gates: NDArray[np.int64], units: Units) -> Float64:
    """Return (columns,) the gain of each input, over all somata as they are mixed."""
    rows = np.stack([memory.gains[g, row] for g, row in enumerate(units.rows)]).astype(float)
    heard: Float64 = rows * memory.mix[units.mix_rows].mean(axis=0)[gates[:, 0], None]
    return np.asarray(heard.sum(axis=0))
