"""The masked lines that are known: how often each came, when last, and which are like another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.streams.masking import WORDS, as_array, from_array


class Seen(NamedTuple):
    times: int
    last: int  # the row when it came last


class Known:
    """The masked lines seen last, `most` at most; and for each word the line that last was new and had it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lines: dict[str, Seen] = {}  # the one seen longest ago is first
        self._newest: dict[int, str] = {}  # by the token of a word

    def __contains__(self, line: str) -> bool:
        return line in self._lines

    def __len__(self) -> int:
        return len(self._lines)

    def get(self, line: str) -> Seen | None:
        return self._lines.get(line)

    def see(self, line: str, words: Sequence[int], row: int) -> None:
        """Take in a line that came as this row; `words` are its tokens, and that of its end."""
        before = self._lines.pop(line, None)
        self._lines[line] = Seen(1 if before is None else before.times + 1, row)
        if before is None:
            self._newest |= dict.fromkeys(words[:-1], line)
            if len(self._lines) > self._most:
                del self._lines[next(iter(self._lines))]

    def sharing(self, words: Sequence[int]) -> list[str]:
        """Return of each word the line that was new last and has it, each line once."""
        return list(dict.fromkeys(self._newest[word] for word in words if word in self._newest))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of everything."""
        lines = list(dict.fromkeys([*self._lines, *self._newest.values()]))
        place = {line: number for number, line in enumerate(lines)}
        return {
            "lines": as_array(lines),
            "seen": np.array(list(self._lines.values()), np.int64).reshape(-1, 2),
            "newest": np.array([(word, place[line]) for word, line in self._newest.items()], np.int32).reshape(-1, 2),
        }

    @classmethod
    def of(cls, most: int, arrays: dict[str, NDArray[Any]]) -> Known:
        """Return what had these arrays. Raises ValueError, or KeyError for one that is missing."""
        known, lines = cls(most), from_array(arrays["lines"])
        seen, newest = arrays["seen"], arrays["newest"]
        for array, rows in ((seen, min(most, len(lines))), (newest, WORDS)):
            if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind != "i" or len(array) > rows:
                raise ValueError("the known lines are none")
        if newest.size and not (newest.min() >= 0 and newest[:, 1].max() < len(lines)):
            raise ValueError("there is a word of no line")
        known._lines = {line: Seen(*each) for line, each in zip(lines, seen.tolist(), strict=False)}
        known._newest = {word: lines[place] for word, place in newest.tolist()}
        return known


def most_alike(line: str, others: Sequence[str]) -> str | None:
    """Return the one that shares most words with a line; None if none shares any."""
    own = set(line.split())

    def alike(other: str) -> float:
        theirs = set(other.split())
        return len(own & theirs) / len(own | theirs)

    best = max(others, key=alike, default=None)
    return best if best is not None and alike(best) > 0 else None
