"""How the lines of contexts are found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, exact_kernel, prefetch
from realnet.core.dendrite_memory import WORDS, Memory, Stimuli
from realnet.core.hashing import DEEPER, mixed
from realnet.kernels.tree_decide import Scratch, i64, u32, u64

_DEEPER = u64(DEEPER)


@exact_kernel
def find_(lines: NDArray[np.uint32], used: NDArray[np.int64], h: np.uint64, claim: bool) -> np.uint64:
    """Return where the line of a context begins; if it has none: claim the least used of three, or take the empty."""
    count = u64(len(lines) // WORDS - 1)
    name = h >> u64(32)
    known = (name >> u64(12) << u64(2) | name & u64(3)) << u64(1) | u64(1)
    home = name & (count - u64(1))
    best, fewest = u64(0), i64(256)
    for k in range(u64(3)):
        start = (home ^ k) * u64(WORDS)
        word = u64(lines[start])
        if word >> u64(9) == known:
            return start
        uses = i64(-1) if word == u64(0) else i64(lines[start + u64(1)] >> u32(24))
        if uses < fewest:
            best, fewest = start, uses
    if not claim:
        return count * u64(WORDS)
    if fewest < 0:
        used[0] += 1
    for k in range(u64(1), u64(WORDS)):
        lines[best + k] = u32(0)
    lines[best] = u32(known << u64(9))
    return best


@exact_inlined_kernel
def find_lines_(four: int, bit: int, stimuli: Stimuli, t: int, memory: Memory, claim: bool, s: Scratch) -> None:
    """Find the lines of the four decisions that begin at node `four`, which is the decision number `bit`."""
    lines, used, contexts, begins = memory.lines, memory.used, stimuli.contexts, s.lines  # counted once, not in a loop
    for q in range(len(begins)):
        h = contexts[t, q]
        begins[q] = find_(lines, used, h if bit == 0 else mixed(h + u64(four) * _DEEPER), claim)


@exact_inlined_kernel
def fetch_lines_(four: int, bit: int, stimuli: Stimuli, t: int, memory: Memory) -> None:
    """Ask the memory for the lines that `find_lines_` will look for."""
    lines, contexts = memory.lines, stimuli.contexts
    last = u64(len(lines) // WORDS - 2)
    for q in range(contexts.shape[1]):
        h = contexts[t, q]
        home = (h if bit == 0 else mixed(h + u64(four) * _DEEPER)) >> u64(32) & last
        for k in range(u64(3)):
            prefetch(lines, (home ^ k) * u64(WORDS))


@exact_kernel
def split_lines_(lines: NDArray[np.uint32], into: NDArray[np.uint32], place: int) -> None:
    """Copy lines to the first or the second half of twice as many, as bit `place` of word 0 says."""
    had = u64(len(lines) - 1)
    for line in range(had):
        half = u64(lines[line, 0] >> u32(place) & u32(1))
        for k in range(lines.shape[1]):
            into[line + had * half, k] = lines[line, k]
