"""What the decisions of a net of dendrites are made of, while it lives: for a fit of its gains."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_kernel, uncounted
from realnet.core.dendrite_memory import Memory, Stimuli
from realnet.core.dendrite_tables import Tables
from realnet.core.state import Float32
from realnet.kernels.tree_decide import Scratch, decide_, is_certain
from realnet.kernels.tree_learn import keep_runs_, learn_
from realnet.kernels.tree_lines import find_lines_


class Decisions(NamedTuple):
    """The decisions of T tokens, D a token; nothing of these depends on gains, mix and maps."""

    inputs: Float32  # (T, D, columns)
    rows: NDArray[np.int64]  # (T, D, G) of all gains, one gate's after the other's
    mixes: NDArray[np.int64]  # (T, D, M) rows of the mix
    maps: NDArray[np.int64]  # (T, D, A) rows of all maps, one map's after the other's
    answers: NDArray[np.int8]  # (T, D) 0 or 1, -1: it was certain

    @classmethod
    def blank(cls, tokens: int, depth: int, columns: int, gates: int, mixes: int, maps: int) -> Decisions:
        return cls(
            np.zeros((tokens, depth, columns), np.float32),
            np.zeros((tokens, depth, gates), np.int64),
            np.zeros((tokens, depth, mixes), np.int64),
            np.zeros((tokens, depth, maps), np.int64),
            np.full((tokens, depth), -1, np.int8),
        )


@exact_kernel
def record_(
    tokens: NDArray[np.int32],
    symbols: int,
    depth: int,
    gates: NDArray[np.int64],
    rates: Float32,
    rate: np.float32,
    stimuli: Stimuli,
    begin: int,
    full: int,
    memory: Memory,
    tables: Tables,
    s: Scratch,
    made_of: Decisions,
) -> int:
    """Learn the tokens from number `begin` on as `run_` does, and write what each decision was made of."""
    stimuli, memory, tables, s = uncounted(stimuli), uncounted(memory), uncounted(tables), uncounted(s)
    for t in range(begin, len(tokens)):
        symbol, node = np.int64(tokens[t]), np.int64(1)
        for bit in range(depth):
            part = bit & 3
            if part == 0:
                find_lines_(node, bit, stimuli, t, memory, True, s)
            answer = int(symbol >> (depth - 1 - bit) & 1)
            if not is_certain(node, bit, depth, symbols):
                decide_(node, bit, depth, gates, stimuli, t, memory, tables, s)
                made_of.answers[t, bit] = answer
                for i in range(len(s.inputs)):
                    made_of.inputs[t, bit, i] = s.inputs[i]
                for g in range(len(s.rows)):
                    made_of.rows[t, bit, g] = s.rows[g]
                for m in range(len(s.mix_rows)):
                    made_of.mixes[t, bit, m] = s.mix_rows[m]
                for a in range(len(s.map_rows)):
                    made_of.maps[t, bit, a] = s.map_rows[a]
                learn_(bit, answer, gates, rates, rate, memory, tables, s)
            node = node * 2 + answer
            if part == 3 or bit == depth - 1:
                keep_runs_((node & (2 << part) - 1) << (3 - part), memory, s)
        if memory.used[0] > full:
            return t + 1
    return len(tokens)
