"""What a net of dendrites has in mind of the tokens that came last."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel

RECENT = 512  # tokens that are in mind
LINE = 256  # tokens of a line of text that are in mind
LONGEST = 400  # a recall's length is counted up to so many tokens
P1, P2 = np.uint64(0x2F0B4C47), np.uint64(0x3D4D51CB)
NO_TOKEN = np.uint64(2**32)  # before the first

TEXT = np.dtype(
    [
        (name, np.uint64)
        for name in (
            "seen",  # tokens
            *("class_1", "class_2", "class_3"),  # of the last three tokens
            *("word", "word_1"),  # hashes: the letters since the last other token, and the word before
            *("column", "width_above"),  # tokens in this line so far, and in the line above
            "side",  # of `line_pair`, the row that holds this line
            *("masked", "masked_above"),  # hashes of this line so far and of the line above, each number as one digit
            *("indent", "first", "phase"),  # spaces and then the identifier that the line begins with; 0, 1 or 2
            *("shape", "place"),  # the last eight runs of letters, digits or marks, a byte each; place in the run
            *("field", "in_field"),  # runs of tokens other than spaces in this line
        )
    ]
)
RECALL = np.dtype([(name, np.int64) for name in ("distance", "length", "misses")])


class Reader(NamedTuple):
    """What is in mind: short-term, a fork has its own."""

    text: NDArray[np.void]  # (1,) TEXT
    recent: NDArray[np.int32]  # (RECENT,) a ring
    line_pair: NDArray[np.int32]  # (2, LINE) this line and the one above
    recalls: NDArray[np.void]  # (R,) RECALL

    @classmethod
    def blank(cls, recalls: int) -> Reader:
        return cls(
            np.zeros(1, TEXT), np.zeros(RECENT, np.int32), np.zeros((2, LINE), np.int32), np.zeros(recalls, RECALL)
        )


@exact_inlined_kernel
def back(reader: Reader, k: int) -> np.uint64:
    """Return the token `k` back, 1 is the last."""
    seen = reader.text[0].seen
    if np.uint64(k) > seen:
        return NO_TOKEN
    return np.uint64(reader.recent[(seen - np.uint64(k)) & np.uint64(RECENT - 1)])
