"""The encoder of a net of dendrites: tokens become the stimuli that it is told of each tick."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import Episodes, Stimuli
from realnet.dendrites.reader import Reader
from realnet.dendrites.text import CONTEXTS, GATES, MAPS, TEXT_CONTEXTS, TEXT_GATES, encode_
from realnet.dendrites.wiring import Wiring


class Encoder:
    """Names contexts and rows by a wiring. What has been read is in the `Reader` that it is handed."""

    def __init__(self, wiring: Wiring, is_text: bool) -> None:
        """Raises ValueError for a wiring with contexts or gates of text, if the tokens are none."""
        of_text = [*TEXT_CONTEXTS.intersection(wiring.contexts), *TEXT_GATES.intersection(wiring.given)]
        if of_text and not is_text:
            raise ValueError(f"{sorted(of_text)[0]!r} is of text, and the tokens are none")
        self._is_text, self._recalls = is_text, len(wiring.recalls)
        self._contexts = np.array([CONTEXTS[each] for each in wiring.contexts])
        self._gates = np.array([GATES[each] for each in wiring.given], np.int64)
        self._maps = np.array([MAPS[each] for each in wiring.maps], np.int64)
        self._kinds = np.array(wiring.recalls, np.int64)

    def encode(
        self, tokens: NDArray[np.int32], reader: Reader, episodes: Episodes, write: bool, and_next: bool = False
    ) -> Stimuli:
        """Return the stimuli of T tokens, each before it is read; then read them, and remember them if `write`.

        If `and_next` there is a row more, of the token to come.
        """
        ticks = len(tokens) + and_next
        stimuli = Stimuli(
            contexts=np.empty((ticks, len(self._contexts)), np.uint64),
            gates=np.empty((ticks, len(self._gates)), np.int64),
            maps=np.empty((ticks, len(self._maps)), np.uint64),
            expected=np.empty((ticks, self._recalls), np.int64),
            trust=np.empty((ticks, self._recalls), np.int64),
            recall_gates=np.empty((ticks, self._recalls), np.int64),
        )
        codes = self._contexts, self._gates, self._maps, self._kinds
        encode_(tokens, *codes, self._is_text, reader, episodes, write, stimuli)
        return stimuli
