"""What a net of dendrites knew at a moment, frozen: its children read it, all at once, and nobody writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import Memory
from realnet.dendrites.birth import rates
from realnet.dendrites.encoder import Encoder
from realnet.dendrites.leaves import Leaves
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.pages import Pages
from realnet.dendrites.reader import Reader
from realnet.vocabulary import Vocabulary

_SHARED = ("lines", "used", "maps", "map_uses")  # of `Memory`: what children have nothing of, or rows of their own


class Parent:
    """A frozen net, of which there is one copy in the process, however many children it has.

    Attributes:
        sha256: the hash of all that it is.
        wiring, symbols, max_lines, tick, learning_rate: those of the net.
        vocabulary, leaves: those of its learner.
        memory: what it has learnt; only to be read.
        places: where its recalls find what it remembers; only to be read.
        lived: how many tokens it has lived.
        pages: of what children begin with copies: gains, what is small, and the `tokens` that it remembers.
        encoder, rates: what children need of the wiring, and share.
    """

    def __init__(
        self,
        net: DendriteNet,
        vocabulary: Vocabulary,
        leaves: Leaves,
        arrays: Mapping[str, NDArray[Any]],
        sha256: str,
    ) -> None:
        """Freeze a copy of a net, which may learn on; `arrays` are all of its own, whole."""
        self.vocabulary, self.leaves = vocabulary, leaves
        self.sha256, self.wiring, self.symbols, self.max_lines = sha256, net.wiring, net.symbols, net.max_lines
        self.tick, self.learning_rate, self.lived = net.tick, net.learning_rate, int(arrays["lived"][0])
        self.encoder, self.rates = Encoder(net.wiring), rates(net.wiring)
        self._words = {name: arrays[name].copy() for name in self.encoder.nothing_read().words()}
        begun = {name: each for name, each in net.memory._asdict().items() if name not in _SHARED}
        self.pages = Pages(begun | {"tokens": arrays["tokens"]})
        kept = {name: getattr(net.memory, name).copy() for name in _SHARED}
        self.memory = Memory(**kept, **{name: self.pages.arrays[name] for name in begun})
        self.places = arrays["places"].copy()
        for each in (*self.memory, self.places):
            each.flags.writeable = False

    @property
    def lines(self) -> int:
        return len(self.memory.lines) - 1

    @property
    def nbytes(self) -> int:
        """Return the bytes of all that its children share."""
        return sum(each.nbytes for each in (*self.memory, self.places, self.pages.arrays["tokens"]))

    def net(self) -> DendriteNet:
        """Return a net that goes on from what this was, with a copy of all of it."""
        net = DendriteNet(self.wiring, self.symbols, self.max_lines)
        learnt = {name: each.copy() for name, each in self.memory._asdict().items() if each.size}
        remembered = {"tokens": self.pages.arrays["tokens"].copy(), "places": self.places.copy()}
        net.take(learnt | remembered | {"lived": np.array([self.lived])} | self.reader().words())
        net.tick, net.learning_rate = self.tick, self.learning_rate
        return net

    def reader(self) -> Reader:
        """Return a copy of what it had in mind."""
        return Reader.of_words({name: each.copy() for name, each in self._words.items()})
