"""What a net of dendrites knew at a moment, frozen: its children read it, all at once, and nobody writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import Episodes, Memory
from realnet.dendrites.birth import unused
from realnet.dendrites.encoder import Encoder
from realnet.dendrites.leaves import Leaves
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.reader import Reader
from realnet.dendrites.wiring import Wiring
from realnet.vocabulary import Vocabulary


class Parent:
    """A frozen net, of which there is one copy in the process, however many children it has.

    Attributes:
        sha256: the hash of all that it is.
        wiring, symbols, max_lines, tick, learning_rate: those of the net.
        vocabulary, leaves: those of its learner.
        memory, episodes: what it has learnt, and what it remembers; only to be read.
        gain_rows: the numbers of the rows of gains that were used.
        gains: (G + rows, columns) one row a gate as at birth, and then those.
        gates: those of the wiring, as `Wiring.gates` has them.
    """

    def __init__(
        self,
        *,
        sha256: str,
        wiring: Wiring,
        max_lines: int,
        tick: int,
        learning_rate: float,
        vocabulary: Vocabulary,
        leaves: Leaves,
        arrays: Mapping[str, NDArray[Any]],
    ) -> None:
        """Make it of whole arrays of what is learnt and in mind, which are taken over and from now on only read.

        Raises KeyError for one that is missing.
        """
        self.sha256, self.wiring, self.symbols, self.max_lines = sha256, wiring, vocabulary.size, max_lines
        self.vocabulary, self.leaves, self.tick, self.learning_rate = vocabulary, leaves, tick, learning_rate
        self.gates = wiring.gates
        self._words = {name: arrays[name] for name in Encoder(wiring).nothing_read().words()}
        self.memory = Memory(**{name: arrays[name] for name in Memory._fields})
        self.episodes = Episodes(**{name: arrays[name] for name in Episodes._fields})
        gains = self.memory.gains.reshape(-1, self.memory.gains.shape[2])
        self.gain_rows = np.flatnonzero(self.memory.gain_uses)
        self.gains = np.concatenate([unused(wiring)["gains"], gains[self.gain_rows]])
        for each in (*self.memory, *self.episodes, self.gains):
            each.flags.writeable = False

    @property
    def lines(self) -> int:
        return len(self.memory.lines) - 1

    @property
    def lived(self) -> int:
        """Return how many tokens it has lived."""
        return int(self.episodes.lived[0])

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that it is made of, by name: the arrays themselves."""
        return self.memory._asdict() | self.episodes._asdict() | self._words

    @property
    def nbytes(self) -> int:
        """Return the bytes of all that its children share."""
        return sum(each.nbytes for each in (*self.memory, *self.episodes, self.gains))

    def net(self) -> DendriteNet:
        """Return a net that goes on from what this was, with a copy of all of it."""
        net = DendriteNet(self.wiring, self.symbols, self.max_lines)
        learnt = self.memory._asdict() | self.episodes._asdict()
        net.take({name: each.copy() for name, each in learnt.items() if each.size} | self.reader().words())
        net.tick, net.learning_rate = self.tick, self.learning_rate
        return net

    def reader(self) -> Reader:
        """Return a copy of what it had in mind."""
        return Reader.of_words({name: each.copy() for name, each in self._words.items()})
