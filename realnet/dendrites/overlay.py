"""What a child has learnt itself, over what its parent knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import (
    CELLS,
    MAP_ROWS,
    PLACES,
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

_LINES_A_ROW, _LINES_A_PLACE = 16, 2  # own rows of output maps and own places of a recall: one for so many lines
_GAINS = ("gains", "gain_uses")


@dataclass(slots=True, eq=False)
class Overlay(Mind):
    """What is learnt by a child, shared by it and its forks.

    Attributes:
        memory: its own lines and rows of output maps, (S, CELLS); all else whole, in pages that are the parent's until
            they are written.
        episodes: the tokens that the parent remembers, and then its own; (R, …) its own places.
        parent: what it falls back to.
        map_slots: (S,) which rows of output maps its own are, + 1.
    """

    parent: Parent
    map_slots: NDArray[np.int32]

    @classmethod
    def born(cls, parent: Parent, lines: int) -> Overlay:
        """Return that of a newborn with so many lines of its own."""
        maps, recalls = len(parent.wiring.maps), len(parent.wiring.recalls)
        rows = min(lines // _LINES_A_ROW, 1 << (maps * MAP_ROWS - 1).bit_length()) if maps else 0
        begun = parent.pages.copy()
        tokens = begun.pop("tokens")
        memory = Memory(
            lines=np.zeros((lines + 1, WORDS), np.uint32),
            used=np.zeros(1, np.int64),
            maps=np.zeros((rows, CELLS), np.float32),
            map_uses=np.zeros(rows, np.uint16),
            **begun,
        )
        places = np.zeros((recalls, min(lines // _LINES_A_PLACE, PLACES)), np.int32)
        episodes = ChildEpisodes(tokens, places, np.array([parent.lived]), parent.places)
        return cls(memory, episodes, lines, parent, np.zeros(rows, np.int32))

    def flat(self) -> Memory:
        """Return the same arrays as the kernels take them, with those that are above."""
        above = self.parent.memory
        arrays = *self.memory, self.map_slots, above.lines, above.maps, above.map_uses
        flat: Memory = ChildMemory._make(each.reshape(-1) for each in arrays)
        return flat

    def asked(self, hashes: Sequence[int]) -> Memory:
        """Return a memory of the lines that have these hashes alone, and of all that the child knows else."""
        above, learnt = self.parent.memory, np.flatnonzero(self.map_slots)
        maps = above.maps.copy()
        maps.reshape(-1, CELLS)[self.map_slots[learnt] - 1] = self.memory.maps[learnt]
        lines = np.zeros((LEAST_LINES + 1, WORDS), np.uint32)
        made = self.memory._replace(lines=lines, used=np.zeros(1, np.int64), maps=maps)
        for h in hashes:
            for each in (self.memory, above):
                if (at := find(each, h, claim=False)) < len(each.lines) - 1:
                    lines[find(made, h, claim=True)] = each.lines[at]
                    break
        return made

    def adapting(self) -> Overlay:
        """Return the same with copies of episodes, gains and mix, and of how many lines are in use."""
        own = {name: getattr(self.memory, name).copy() for name in ("used", *_GAINS, "mix")}
        episodes = self.episodes._replace(
            **{name: getattr(self.episodes, name).copy() for name in ("tokens", "places", "lived")}
        )
        return Overlay(self.memory._replace(**own), episodes, self.max_lines, self.parent, self.map_slots)

    def arrays(self, reader: Reader) -> dict[str, NDArray[Any]]:
        """Return all own arrays by name, with those of a reader; none that is empty."""
        learnt = self.memory._asdict() | self.episodes._asdict() | {"map_slots": self.map_slots}
        return {name: each for name, each in learnt.items() if each.size and name != "above_places"} | reader.words()

    def nbytes(self) -> int:
        """Return the bytes of memory that are its own."""
        begun = self.memory._asdict() | {"tokens": self.episodes.tokens}
        whole = self.memory.lines, self.memory.maps, self.memory.map_uses, self.map_slots, self.episodes.places
        return sum(each.nbytes for each in whole) + self.parent.pages.own_bytes(begun)
