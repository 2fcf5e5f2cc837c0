"""How the lines of contexts are found: in the net's table, or, of a child, in its own and then in its parent's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, exact_kernel, prefetch
from realnet.core.dendrite_memory import WORDS, Memory, Stimuli
from realnet.core.hashing import DEEPER, mixed
from realnet.kernels.tree_decide import Scratch, above_lines, i64, u32, u64

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


@exact_kernel
def known_(lines: NDArray[np.uint32], h: np.uint64) -> np.uint64:
    """Return where the line of a context begins, the empty one if it has none; nothing is written."""
    last = u64(len(lines) // WORDS - 2)
    name = h >> u64(32)
    known = (name >> u64(12) << u64(2) | name & u64(3)) << u64(1) | u64(1)
    for k in range(u64(3)):
        start: np.uint64 = ((name & last) ^ k) * u64(WORDS)
        if u64(lines[start]) >> u64(9) == known:
            return start
    empty: np.uint64 = (last + u64(1)) * u64(WORDS)
    return empty


@exact_kernel
def find_own_(
    lines: NDArray[np.uint32], used: NDArray[np.int64], above: NDArray[np.uint32], h: np.uint64, claim: bool
) -> np.uint64:
    """Return where the line of a context begins, beyond a child's own lines those of its parent.

    To claim one that is only the parent's it is copied to the place of the least used of three, which is forgotten.
    """
    start: np.uint64 = known_(lines, h)
    if start + u64(WORDS) < u64(len(lines)):
        return start
    there = known_(above, h)
    start = u64(len(lines)) + there
    if not claim:
        return start
    start = find_(lines, used, h, True)
    if there + u64(WORDS) < u64(len(above)):
        for k in range(u64(WORDS)):
            lines[start + k] = above[there + k]
    return start


@exact_inlined_kernel
def _find_any_(
    lines: NDArray[np.uint32], used: NDArray[np.int64], above: NDArray[np.uint32] | None, h: np.uint64, claim: bool
) -> np.uint64:
    if above is None:
        return find_(lines, used, h, claim)  # type: ignore[no-any-return]
    return find_own_(lines, used, above, h, claim)  # type: ignore[no-any-return]


@exact_inlined_kernel
def find_lines_(four: int, bit: int, stimuli: Stimuli, t: int, memory: Memory, claim: bool, s: Scratch) -> None:
    """Find the lines of the four decisions that begin at node `four`, which is the decision number `bit`."""
    lines, used, contexts, begins = memory.lines, memory.used, stimuli.contexts, s.lines  # counted once, not in a loop
    above = above_lines(memory)
    for q in range(len(begins)):
        h = contexts[t, q]
        begins[q] = _find_any_(lines, used, above, h if bit == 0 else mixed(h + u64(four) * _DEEPER), claim)


@exact_inlined_kernel
def fetch_lines_(four: int, bit: int, stimuli: Stimuli, t: int, memory: Memory) -> None:
    """Ask the memory for the lines that `find_lines_` will look for."""
    lines, above, contexts = memory.lines, above_lines(memory), stimuli.contexts
    for q in range(contexts.shape[1]):
        h = contexts[t, q]
        name = (h if bit == 0 else mixed(h + u64(four) * _DEEPER)) >> u64(32)
        _fetch_(lines, name)
        _fetch_above_(above, name)


@exact_inlined_kernel
def _fetch_(lines: NDArray[np.uint32], name: np.uint64) -> None:
    home = name & u64(len(lines) // WORDS - 2)
    for k in range(u64(3)):
        prefetch(lines, (home ^ k) * u64(WORDS))


@exact_inlined_kernel
def _fetch_above_(above: NDArray[np.uint32] | None, name: np.uint64) -> None:
    if above is not None:
        _fetch_(above, name)


@exact_kernel
def split_lines_(lines: NDArray[np.uint32], into: NDArray[np.uint32], place: int) -> None:
    """Copy lines to the first or the second half of twice as many, as bit `place` of word 0 says."""
    had = u64(len(lines) - 1)
    for line in range(had):
        half = u64(lines[line, 0] >> u32(place) & u32(1))
        for k in range(lines.shape[1]):
            into[line + had * half, k] = lines[line, k]
