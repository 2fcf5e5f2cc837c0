"""A net of dendrites in mid-life with more room, more dendrites, or less room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import FIRST, ROWS, STEP, WORDS, Memory
from realnet.dendrites.birth import doubled_lines, newborn_dendrites, unused
from realnet.dendrites.rewiring import add_lines_
from realnet.dendrites.wiring import Wiring

_ALL = 2**62


def with_lines(memory: Memory, lines: int) -> Memory:
    """Return the memory with so many lines, doubled as often as that takes; what it says stays bit for bit the same."""
    return memory._replace(lines=doubled_lines(memory.lines, lines))


def with_dendrites(memory: Memory, old: Wiring, new: Wiring) -> Memory:
    """Return the memory of a net that has taken on dendrites, which have met nothing and are not heard yet.

    What it says stays the same, bit for bit; with beliefs, up to rounding, since their columns are the last.
    """
    had = len(old.contexts)
    taken_on = newborn_dendrites(len(new.contexts) - had, new.beliefs, new.answers)
    gains = np.repeat(unused(new)["gains"][:, None], ROWS, axis=1)
    gains[:, :, _columns(new, had)] = memory.gains[:, :, _columns(old, had)]
    return memory._replace(
        **{name: np.concatenate([getattr(memory, name), each]) for name, each in taken_on.items()}, gains=gains
    )


def with_fewer_lines(memory: Memory, lines: int) -> Memory:
    """Return the memory with fewer lines: of those that share a place the ones stay that were used most."""
    old = memory.lines
    uses = (old[:-1, 1] >> np.uint32(24)).astype(np.int64)
    order = np.argsort(-uses, kind="stable")
    kept, used = np.zeros((lines + 1, WORDS), np.uint32), np.zeros(1, np.int64)
    add_lines_(kept, used, old, order, 0, _ALL)
    return memory._replace(lines=kept, used=used)


def _columns(wiring: Wiring, contexts: int) -> NDArray[np.int64]:
    """Return the columns of the gains that are of no context or of the first `contexts`."""
    beliefs = FIRST + STEP * len(wiring.contexts)
    believing = np.arange(beliefs, beliefs + (contexts if wiring.beliefs else 0))
    return np.concatenate([np.arange(FIRST + STEP * contexts), believing])
