"""The encoder of a net of dendrites: tokens become the stimuli that it is told of each tick."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import Episodes, Stimuli
from realnet.dendrites.reader import Reader
from realnet.dendrites.text import CONTEXTS, GATES, MAPS, Codes, encode_
from realnet.dendrites.wiring import Wiring


class Encoder:
    """Names contexts and rows by a wiring. What has been read is in the `Reader` that it is handed."""

    def __init__(self, wiring: Wiring) -> None:
        self.codes = Codes(
            contexts=np.array([CONTEXTS[each] for each in wiring.contexts]),
            gates=np.array([GATES[each] for each in wiring.given], np.int64),
            maps=np.array([MAPS[each] for each in wiring.maps], np.int64),
            recalls=np.array(wiring.recalls, np.int64),
            is_text=np.array([bool(wiring.of_text)]),
        )
        self._reads = wiring.has_syntax, wiring.has_records, wiring.has_far_words

    def nothing_read(self) -> Reader:
        """Return the mind of a newborn."""
        return Reader.blank(len(self.codes.recalls), *self._reads)

    def encode(
        self, tokens: NDArray[np.int32], reader: Reader, episodes: Episodes, write: bool, and_next: bool = False
    ) -> Stimuli:
        """Return the stimuli of T tokens, each before it is read; then read them, and remember them if `write`.

        If `and_next` there is a row more, of the token to come.
        """
        stimuli = self.blank(len(tokens) + and_next)
        encode_(tokens, self.codes, reader, episodes, write, stimuli)
        return stimuli

    def blank(self, ticks: int) -> Stimuli:
        """Return room for the stimuli of so many ticks."""
        codes, recalls = self.codes, len(self.codes.recalls)
        return Stimuli(
            contexts=np.empty((ticks, len(codes.contexts)), np.uint64),
            gates=np.empty((ticks, len(codes.gates)), np.int64),
            maps=np.empty((ticks, len(codes.maps)), np.uint64),
            expected=np.empty((ticks, recalls), np.int64),
            trust=np.empty((ticks, recalls), np.int64),
            recall_gates=np.empty((ticks, recalls), np.int64),
        )
