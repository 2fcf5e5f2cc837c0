"""What a net keeps of its life when it goes on with another wiring."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel, exact_kernel
from realnet.core.dendrite_memory import WORDS, Episodes, Memory
from realnet.core.state import ShortTerm
from realnet.dendrites.mind import Mind
from realnet.dendrites.reader import Reader
from realnet.dendrites.wiring import Wiring
from realnet.kernels.tree_lines import split_lines_

T = TypeVar("T")
_OF_CONTEXTS = ("reflex", "reflex_uses", "run", "run_uses", "belief", "belief_uses")
_OF_RECALLS = ("trust", "trust_uses")


def shared(old: tuple[T, ...], new: tuple[T, ...]) -> tuple[list[int], list[int]]:
    """Return where what both have stands in each."""
    both = [each for each in new if each in old]
    return [old.index(each) for each in both], [new.index(each) for each in both]


def rewired(mine: Mind, theirs: Mind, old: Wiring, new: Wiring) -> Mind:
    """Return what I go on with under the `new` wiring: their gains and output maps, and the lines that only they have.

    Takes their arrays over.
    """
    lines, order = theirs.memory.lines, np.arange(len(theirs.memory.lines) - 1)
    mind = Mind(
        _memory(mine.memory, theirs.memory, old, new),
        _episodes(mine.episodes, theirs.episodes, old, new),
        mine.max_lines,
    )
    if old != new:

        def step(at: int, full: int) -> int:
            return int(add_lines_(mind.memory.lines, mind.memory.used, lines, order, at, full))

        mind.go_through(len(order), step)
    return mind


def _memory(mine: Memory, theirs: Memory, old: Wiring, new: Wiring) -> Memory:
    """Return their memory, of the `new` wiring, with all that contexts and recalls of both wirings know by mine.

    Lines are mine as they are, without those that only they have. Takes their arrays over.
    """
    for names, (here, there) in (
        (_OF_CONTEXTS, shared(old.contexts, new.contexts)),
        (_OF_RECALLS, shared(old.recalls, new.recalls)),
    ):
        for name in names:
            from_me, to_them = getattr(mine, name), getattr(theirs, name)
            if from_me.size and from_me.shape[1:] == to_them.shape[1:]:  # only some have beliefs, or of these answers
                to_them[there] = from_me[here]
    return theirs._replace(lines=mine.lines.copy(), used=mine.used.copy())


def _episodes(mine: Episodes, theirs: Episodes, old: Wiring, new: Wiring) -> Episodes:
    """Return my episodes, with their index for each recall that only the `new` wiring has."""
    here, there = shared(old.recalls, new.recalls)
    places = theirs.places.copy()
    places[there] = mine.places[here]
    return Episodes(mine.tokens.copy(), places, mine.lived.copy())


def rewired_mind(mine: Reader, old: Wiring, new: Wiring) -> Reader:
    """Return my mind; a recall that only the `new` wiring has is silent until it finds a place.

    What only the new wiring reads of a text begins with the next token.
    """
    here, there = shared(old.recalls, new.recalls)
    woken = Reader.blank(len(new.recalls), new.has_syntax, new.has_records, new.has_far_words)
    woken.recalls[there] = mine.recalls[here]
    known = {name: each for name, each in mine._asdict().items() if name != "recalls" and each.size}
    return woken._replace(**{name: each for name, each in known.items() if getattr(woken, name).size})


def rewired_words(mind: ShortTerm, old: Wiring, new: Wiring) -> ShortTerm:
    """Return the same of a mind that was set aside (`DendriteNet.swap`), which it takes over."""
    words = {name: each for name, each in mind.items() if name != "lived"}
    return rewired_mind(Reader.of_words(words), old, new).words() | {"lived": mind["lived"]}


@exact_kernel
def add_lines_(
    lines: NDArray[np.uint32],
    used: NDArray[np.int64],
    theirs: NDArray[np.uint32],
    order: NDArray[np.int64],
    at: int,
    full: int,
) -> int:
    """Add those of their lines of whose contexts there is none, in this order from number `at` on; return the next.

    It stops where more than `full` lines are in use. A line takes an empty place, or that of one that was used less.
    """
    while at < len(order) and used[0] <= full:
        line = order[at]
        if theirs[line, 0] != 0:
            place = _place(lines, theirs, line)
            if place >= 0:
                used[0] += lines[place, 0] == 0
                for k in range(lines.shape[1]):  # a row assigned at once takes numba two seconds more to compile
                    lines[place, k] = theirs[line, k]
        at += 1
    return at


@exact_inlined_kernel
def _place(lines: NDArray[np.uint32], theirs: NDArray[np.uint32], at: int) -> int:
    """Return where their line number `at` may stand, -1: there is one of its name, or none that was used less."""
    word, best = theirs[at, 0], np.int64(-1)
    # Bits 2 to 11 of a name are told by its line's place, all others by its word.
    name = np.int64(word >> np.uint32(12)) << 12 | at & 0xFFC | np.int64(word >> np.uint32(10)) & 3
    home, fewest = name & len(lines) - 2, np.int64(theirs[at, 1] >> np.uint32(24))
    for k in range(3):
        known = lines[home ^ k]
        if known[0] >> np.uint32(9) == word >> np.uint32(9):
            return -1
        uses = np.int64(-1) if known[0] == 0 else np.int64(known[1] >> np.uint32(24))
        if uses < fewest:
            best, fewest = home ^ k, uses
    return int(best)


def warm_up() -> None:
    """Compile what is called seldom: the engine would wait for it else."""
    none = np.zeros((2, WORDS), np.uint32)
    split_lines_(none, np.zeros((3, WORDS), np.uint32), 12)
    add_lines_(none.copy(), np.zeros(1, np.int64), none, np.zeros(1, np.int64), 0, 1)
