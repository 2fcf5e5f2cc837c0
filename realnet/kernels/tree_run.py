"""T ticks of a net of dendrites: what is expected, how probable it was, what is learnt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_kernel, uncounted
from realnet.core.dendrite_memory import Memory, Stimuli
from realnet.core.dendrite_tables import Tables
from realnet.core.state import Float32, Float64
from realnet.kernels.tree_decide import Scratch, decide_, is_certain
from realnet.kernels.tree_learn import adapt_, keep_runs_, learn_
from realnet.kernels.tree_lines import fetch_lines_, find_lines_
from realnet.kernels.tree_maps import fetch_maps_
from realnet.kernels.tree_search import likeliest_


@exact_kernel
def run_(
    tokens: NDArray[np.int32],
    symbols: int,
    depth: int,
    gates: NDArray[np.int64],
    rates: Float32,
    rate: np.float32,
    gains_only: bool,
    stimuli: Stimuli,
    begin: int,
    full: int,
    memory: Memory,
    tables: Tables,
    s: Scratch,
    probability: Float64,
    best: NDArray[np.int32],
    best_probability: Float32,
    decided: Float32,
    tick: int,
    every: int,
) -> int:
    """Run the tokens from number `begin` on, until more than `full` lines are in use; return the next one's number.

    Writes for each its probability and, at each tick that `every` divides (the first token's is `tick`), as many of the
    likeliest symbols as there is room for, all before it is learnt; and into `decided`, where it has columns, how
    probable a 1 was at each of its decisions that was not certain. At a rate of 0 nothing is learnt, and with
    `gains_only` gains and mix alone adapt.
    """
    stimuli, memory, tables, s = uncounted(stimuli), uncounted(memory), uncounted(tables), uncounted(s)
    learns = rate > 0 and not gains_only
    for t in range(begin, len(tokens)):
        if best.shape[1] > 0 and (tick + t) % every == 0:
            likeliest_(symbols, depth, gates, stimuli, t, memory, tables, s, best[t], best_probability[t])
        # Of a plain 1 numba makes a type of its own, and compiles all that the node is handed to once more for it.
        symbol, node, product = np.int64(tokens[t]), np.int64(1), 1.0
        for bit in range(depth):
            part = bit & 3
            if part == 0:
                find_lines_(node, bit, stimuli, t, memory, learns, s)
                if bit + 4 < depth:
                    fetch_lines_((1 << depth | symbol) >> (depth - bit - 4), bit + 4, stimuli, t, memory)
                elif t + 1 < len(tokens):
                    fetch_lines_(1, 0, stimuli, t + 1, memory)
            answer = int(symbol >> (depth - 1 - bit) & 1)
            if bit + 1 < depth:
                fetch_maps_(2 * node + answer, stimuli, t, memory)
            elif t + 1 < len(tokens):
                fetch_maps_(1, stimuli, t + 1, memory)
            if not is_certain(node, bit, depth, symbols):
                p = decide_(node, bit, depth, gates, stimuli, t, memory, tables, s)
                product *= np.float64(p if answer else np.float32(1) - p)
                if decided.shape[1] > 0:
                    decided[t, bit] = p
                if learns:
                    learn_(bit, answer, gates, rates, rate, memory, tables, s)
                elif gains_only:
                    adapt_(answer, gates, rates, rate, memory, s)
            node = node * 2 + answer
            if learns and (part == 3 or bit == depth - 1):
                keep_runs_((node & (2 << part) - 1) << (3 - part), memory, s)
        probability[t] = product
        if memory.used[0] > full:
            return t + 1
    return len(tokens)
