"""What a child has learnt itself, over what its parent knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import (
    CELLS,
    EPISODES,
    PLACES,
    ROWS,
    WORDS,
    ChildEpisodes,
    ChildMemory,
    Memory,
)
from realnet.core.dendrites import find
from realnet.dendrites.birth import LEAST_LINES
from realnet.dendrites.mind import Mind
from realnet.dendrites.parent import Parent
from realnet.dendrites.reader import Reader

# One own row of output maps, place of a recall or new row of gains for so many lines; and so many tokens for one line.
_A_ROW, _A_PLACE, _A_GAIN, _TOKENS = 16, 2, 32, 2
MOST_GATES = 2**16 // ROWS - 1  # so that `gain_at` counts all their rows
_SMALL = 2**14  # lines: a hundred tokens come upon each page of so many
_BY_ROWS = ("lines", "used", "maps", "map_uses", "gains", "gain_uses")


@dataclass(slots=True, eq=False)
class Overlay(Mind):
    """What is learnt by a child, shared by it and its forks.

    Attributes:
        memory: lines, rows of output maps (S, CELLS) and of gains (N, columns) of its own, and whole what is small.
        episodes: a ring of its own tokens, and (R, …) its own places.
        parent: what it falls back to.
        map_slots: (S,) which rows of output maps its own are, + 1.
        gain_at: (G * ROWS,) which of its rows of gains is each; the first G are of all that were never used.
        gains_taken: (1,) rows of gains that are used.
    """

    parent: Parent
    map_slots: NDArray[np.int32]
    gain_at: NDArray[np.uint16]
    gains_taken: NDArray[np.int64]

    @classmethod
    def born(cls, parent: Parent, lines: int) -> Overlay:
        """Return that of a newborn with so many lines of its own."""
        above, gates = parent.memory, len(parent.gates)
        begun, most = len(parent.gains), gates + above.gain_uses.size
        small = {name: each.copy() for name, each in above._asdict().items() if name not in _BY_ROWS}
        gains = np.zeros((min(begun + lines // _A_GAIN, most), above.gains.shape[2]), np.float32)
        gain_uses, at = np.zeros(len(gains), np.uint16), np.repeat(np.arange(gates, dtype=np.uint16), ROWS)
        gains[:begun] = parent.gains
        gain_uses[gates:begun] = above.gain_uses.reshape(-1)[parent.gain_rows]
        at[parent.gain_rows] = np.arange(gates, begun)
        rows = min(lines // _A_ROW, 1 << (above.map_uses.size - 1).bit_length()) if above.map_uses.size else 0
        memory = Memory(
            **small,
            lines=_newborn_lines(lines),
            used=np.zeros(1, np.int64),
            gains=gains,
            gain_uses=gain_uses,
            maps=np.zeros((rows, CELLS), np.float32),
            map_uses=np.zeros(rows, np.uint16),
        )
        there = parent.episodes
        episodes = ChildEpisodes(
            tokens=np.zeros(min(_TOKENS * lines, EPISODES), there.tokens.dtype),
            places=np.zeros((len(there.places), min(lines // _A_PLACE, PLACES)), np.int32),
            lived=there.lived.copy(),
            above_tokens=there.tokens,
            above_places=there.places,
            above_lived=there.lived,
        )
        return cls(memory, episodes, lines, parent, np.zeros(rows, np.int32), at, np.array([begun]))

    def flat(self) -> Memory:
        """Return the same arrays as the kernels take them, with those that are above."""
        above = self.parent.memory
        beyond = self.map_slots, above.lines, above.maps, above.map_uses, self.gain_at, self.gains_taken
        flat: Memory = ChildMemory._make(each.reshape(-1) for each in (*self.memory, *beyond))
        return flat

    def asked(self, hashes: Sequence[int]) -> Memory:
        """Return a memory of the lines that have these hashes alone, and of all that the child knows else."""
        above, learnt = self.parent.memory, np.flatnonzero(self.map_slots)
        maps = above.maps.copy()
        maps.reshape(-1, CELLS)[self.map_slots[learnt] - 1] = self.memory.maps[learnt]
        lines = np.zeros((LEAST_LINES + 1, WORDS), np.uint32)
        gains = self.memory.gains[self.gain_at].reshape(above.gains.shape)
        made = self.memory._replace(lines=lines, used=np.zeros(1, np.int64), maps=maps, gains=gains)
        for h in hashes:
            for each in (self.memory, above):
                if (at := find(each, h, claim=False)) < len(each.lines) - 1:
                    lines[find(made, h, claim=True)] = each.lines[at]
                    break
        return made

    def adapting(self) -> Overlay:
        """Return the same with copies of episodes, gains and mix, and of how many lines are in use."""
        own = {name: getattr(self.memory, name).copy() for name in ("used", "gains", "gain_uses", "mix")}
        episodes = self.episodes._replace(
            **{name: getattr(self.episodes, name).copy() for name in ("tokens", "places", "lived")}
        )
        gains = self.gain_at.copy(), self.gains_taken.copy()
        return Overlay(self.memory._replace(**own), episodes, self.max_lines, self.parent, self.map_slots, *gains)

    def arrays(self, reader: Reader) -> dict[str, NDArray[Any]]:
        """Return all own arrays by name, with those of a reader; none that is empty."""
        own = {"map_slots": self.map_slots, "gain_at": self.gain_at, "gains_taken": self.gains_taken}
        learnt = self.memory._asdict() | self.episodes._asdict() | own
        return {name: each for name, each in learnt.items() if each.size and "above" not in name} | reader.words()


def _newborn_lines(lines: int) -> NDArray[np.uint32]:
    """Return so many lines of nothing. Few are written to at once: a page that is read before is made twice."""
    made = np.zeros((lines + 1, WORDS), np.uint32)
    if lines <= _SMALL:
        made.fill(0)
    return made
