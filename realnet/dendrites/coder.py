"""An arithmetic coder whose probabilities are those of a net of dendrites, which learns what it codes.

The range coder without carry is that of Mahoney's lpaq: 32 bits, of which those that are settled are written out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, exact_kernel, uncounted
from realnet.core.dendrite_memory import Episodes, Memory, Stimuli
from realnet.core.dendrite_tables import Tables
from realnet.core.state import Float32
from realnet.dendrites.reader import Reader
from realnet.dendrites.text import Codes, read_, tell_
from realnet.kernels.tree_decide import Scratch, decide_
from realnet.kernels.tree_learn import keep_runs_, learn_
from realnet.kernels.tree_lines import find_lines_

DEPTH = 8  # decisions of a byte
_ALL, _TOP = np.uint64(0xFFFFFFFF), np.uint64(0xFF000000)
LOW, HIGH, CODE, PLACE = range(4)  # of the coder's state: both ends of the range, what is decoded, the next byte


def begin(coded: NDArray[np.uint8] | None = None) -> NDArray[np.uint64]:
    """Return the state of a coder that begins, to decode `coded` if that is given."""
    first = 0 if coded is None else int.from_bytes(bytes(coded[:4]).ljust(4, b"\0"), "big")
    return np.array([0, 0xFFFFFFFF, first, 0 if coded is None else 4], np.uint64)


@exact_kernel
def code_(
    data: NDArray[np.uint8],
    at: int,
    decodes: bool,
    coded: NDArray[np.uint8],
    state: NDArray[np.uint64],
    full: int,
    codes: Codes,
    gates: NDArray[np.int64],
    rates: Float32,
    reader: Reader,
    episodes: Episodes,
    stimuli: Stimuli,
    memory: Memory,
    tables: Tables,
    s: Scratch,
) -> int:
    """Code bytes from number `at` on, or decode them, until more than `full` lines are in use; return the next number.

    Each is coded by what the net expects before it, and then learnt. `stimuli` have room for one tick. When it encodes
    it also stops where `coded` may have no room for another byte.
    """
    codes, reader, episodes = uncounted(codes), uncounted(reader), uncounted(episodes)
    stimuli, memory, tables, s = uncounted(stimuli), uncounted(memory), uncounted(tables), uncounted(s)
    while at < len(data) and memory.used[0] <= full:
        if not decodes and state[PLACE] + np.uint64(4 * DEPTH) > np.uint64(len(coded)):
            break
        tell_(codes, reader, episodes, stimuli, 0)
        symbol, node = np.int64(data[at]), 1
        for bit in range(DEPTH):
            if bit & 3 == 0:
                find_lines_(node, bit, stimuli, 0, memory, True, s)
            p = decide_(node, bit, DEPTH, gates, stimuli, 0, memory, tables, s)
            if decodes:
                answer = _decode_(p, coded, state)
            else:
                answer = int(symbol >> (DEPTH - 1 - bit) & 1)
                _encode_(p, answer, coded, state)
            learn_(bit, answer, gates, rates, np.float32(1), memory, tables, s)
            node = 2 * node + answer
            if bit & 3 == 3:
                keep_runs_(node & 15, memory, s)
        data[at] = node & 255
        read_(node & 255, codes, reader, episodes, True)
        at += 1
    return at


@exact_inlined_kernel
def _middle(p: np.float32, state: NDArray[np.uint64]) -> np.uint64:
    share = np.uint64(np.float64(p) * 2.0**31)  # p is from 1e-5 to 1 - 1e-5, so that both parts have some of the range
    return np.uint64(state[LOW] + ((state[HIGH] - state[LOW]) * share >> np.uint64(31)))


@exact_inlined_kernel
def _narrow_(middle: np.uint64, answer: int, state: NDArray[np.uint64]) -> None:
    if answer:
        state[HIGH] = middle
    else:
        state[LOW] = middle + np.uint64(1)


@exact_inlined_kernel
def _encode_(p: np.float32, answer: int, coded: NDArray[np.uint8], state: NDArray[np.uint64]) -> None:
    _narrow_(_middle(p, state), answer, state)
    while (state[LOW] ^ state[HIGH]) & _TOP == 0:
        coded[state[PLACE]] = state[HIGH] >> np.uint64(24)
        state[PLACE] += np.uint64(1)
        state[LOW], state[HIGH] = state[LOW] << np.uint64(8) & _ALL, state[HIGH] << np.uint64(8) & _ALL | np.uint64(255)


@exact_inlined_kernel
def _decode_(p: np.float32, coded: NDArray[np.uint8], state: NDArray[np.uint64]) -> int:
    middle = _middle(p, state)
    answer = 1 if state[CODE] <= middle else 0
    _narrow_(middle, answer, state)
    while (state[LOW] ^ state[HIGH]) & _TOP == 0:
        came = np.uint64(coded[state[PLACE]]) if state[PLACE] < np.uint64(len(coded)) else np.uint64(0)
        state[PLACE] += np.uint64(1)
        state[CODE] = state[CODE] << np.uint64(8) & _ALL | came
        state[LOW], state[HIGH] = state[LOW] << np.uint64(8) & _ALL, state[HIGH] << np.uint64(8) & _ALL | np.uint64(255)
    return answer
