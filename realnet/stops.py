"""The end of a text before the first of some strings."""

from __future__ import annotations

from collections.abc import Sequence


class Stops:
    """Cuts a text, which comes in pieces, before the stop that is complete first; however it comes, the cut is one.

    Of several stops that end at one place it is the longest. The texts of `add` and `rest`, joined, are the text up to
    the cut: what may be the beginning of a stop is held back until that is known.

    Attributes:
        is_over: a stop came; there is no more text.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops, self._held, self.is_over = stops, "", False

    def add(self, text: str) -> str:
        """Return what is certain of the text so far, and was not returned before."""
        if self.is_over:
            return ""
        held = self._held + text
        found = [(at + len(stop), at) for stop in self._stops if (at := held.find(stop)) >= 0]
        if found:
            self.is_over, self._held = True, ""
            return held[: min(found)[1]]
        begun = max((_begun(held, stop) for stop in self._stops), default=0)
        certain = len(held) - begun
        self._held = held[certain:]
        return held[:certain]

    def rest(self) -> str:
        """Return what was held back, at the end of the text."""
        return self._held


def _begun(text: str, stop: str) -> int:
    """Return how many of the last characters of a text are the first ones of a stop."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
