"""What a net of dendrites has in mind of the tokens that came last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import IS_PLAIN, exact_inlined_kernel

RECENT = 512  # tokens that are in mind
LINE = 256  # tokens of a line of text that are in mind
LONGEST = 400  # a recall's length is counted up to so many tokens
P1, P2 = np.uint64(0x2F0B4C47), np.uint64(0x3D4D51CB)
NO_TOKEN = np.uint64(2**32)  # before the first
SMALL, CAPITAL, DIGIT, SPACE, NEWLINE, OTHER = range(1, 7)  # classes of the bytes of a text; 0 is none
CLASS = np.zeros(256, np.int64)
CLASS[1:] = OTHER
CLASS[ord("a") : ord("z") + 1] = CLASS[128:] = SMALL
CLASS[ord("A") : ord("Z") + 1] = CAPITAL
CLASS[ord("0") : ord("9") + 1] = DIGIT
CLASS[ord(" ")], CLASS[ord("\n")] = SPACE, NEWLINE
TAB, UNDERSCORE = ord("\t"), ord("_")
FIELDS = 64  # of a line whose places are in mind

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
            *("runs", "place"),  # the last eight runs of letters, digits or marks, a byte each; place in the run
            *("field", "in_field"),  # runs of tokens other than spaces in this line
        )
    ]
)
SYNTAX = np.dtype(
    [
        (name, np.uint64)
        for name in (
            "word_2",  # hash of the word before the last
            *("identifier", "identifier_1", "identifier_2"),  # hashes: letters, digits and _ so far, and the two before
            "marks",  # the last three tokens that are neither of an identifier nor a space, a byte each
            *("line_shape", "line_run"),  # of this line: hash of its runs of letters, digits or a mark; the last one
            *("kinds", "kinds_before"),  # of the last six tokens, and of the six before, a byte each
            *("field_start", "fields_above"),  # column where this field begins; the last field of the line above
        )
    ]
)
RECORD = np.dtype([(name, np.uint64) for name in ("length", "votes")])  # of the records; 0: none is known
RECALL = np.dtype([(name, np.int64) for name in ("distance", "length", "misses")])


class Reader(NamedTuple):
    """What is in mind: short-term, a fork has its own."""

    text: NDArray[np.void]  # (1,) TEXT
    recent: NDArray[np.int32]  # (RECENT,) a ring
    line_pair: NDArray[np.int32]  # (2, LINE) this line and the one above
    recalls: NDArray[np.void]  # (R,) RECALL
    syntax: NDArray[np.void]  # (1,) SYNTAX; this and what follows is empty if nobody asks for it
    starts: NDArray[np.int32]  # (2, FIELDS) columns where the fields begin, of this line and of the one above
    followed: NDArray[np.uint32]  # (256,) what followed each token the last three times, a byte each
    record: NDArray[np.void]  # (1,) RECORD; this and `comings` are empty if nobody asks for them
    comings: NDArray[np.uint64]  # (3, 256) of each token: when it came, how long after the time before, since when so
    far_word: NDArray[np.uint64]  # (1,) hash of the third last word; empty if nobody asks for it

    @classmethod
    def of_words(cls, words: Mapping[str, NDArray[Any]]) -> Reader:
        """Make the reader whose `words` these are, which it takes over; arrays that are not there are empty."""
        arrays: dict[str, Any] = {
            name: _named(words[name], _KINDS[name]) if name in _KINDS else words[name] for name in words
        }
        return _EMPTY._replace(**arrays)

    def words(self) -> dict[str, NDArray[Any]]:
        """Return the arrays, of those with named fields the plain words; none that is empty."""
        words = {name: each.view(np.uint64) if each.dtype.names else each for name, each in self._asdict().items()}
        return {name: each for name, each in words.items() if each.size}

    @classmethod
    def blank(cls, recalls: int, syntax: bool, records: bool, far_words: bool) -> Reader:
        return cls(
            text=_records(1, TEXT),
            recent=np.zeros(RECENT, np.int32),
            line_pair=np.zeros((2, LINE), np.int32),
            recalls=_records(recalls, RECALL),
            syntax=_records(int(syntax), SYNTAX),
            starts=np.zeros((2 * syntax, FIELDS), np.int32),
            followed=np.zeros(256 * syntax, np.uint32),
            record=_records(int(records), RECORD),
            comings=np.zeros((3 * records, 256), np.uint64),
            far_word=np.zeros(int(far_words), np.uint64),
        )


def _records(count: int, kind: np.dtype[np.void]) -> NDArray[np.void]:
    return _named(np.zeros(count, kind), kind)


def _named(words: NDArray[Any], kind: np.dtype[np.void]) -> NDArray[np.void]:
    records = words.view(kind)
    return records.view(np.recarray) if IS_PLAIN else records  # else only numba knows a field as an attribute


_KINDS = {"text": TEXT, "recalls": RECALL, "syntax": SYNTAX, "record": RECORD}
_EMPTY = Reader.blank(0, syntax=False, records=False, far_words=False)


@exact_inlined_kernel
def back(reader: Reader, k: int) -> np.uint64:
    """Return the token `k` back, 1 is the last."""
    seen = reader.text[0].seen
    if np.uint64(k) > seen:
        return NO_TOKEN
    return np.uint64(reader.recent[(seen - np.uint64(k)) & np.uint64(RECENT - 1)])


@exact_inlined_kernel
def pair(a: np.uint64, b: np.uint64) -> np.uint64:
    """Return a hash of both."""
    return (a * P1 + b) * P2 + (a >> np.uint64(31))


@exact_inlined_kernel
def rolled(h: np.uint64, token: np.uint64, shift: int, mask: int) -> np.uint64:
    """Return the hash of what `h` is the hash of, and a token."""
    return (h + token) * P1 + (h >> np.uint64(shift) & np.uint64(mask))
