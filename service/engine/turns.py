"""Whose turn it was: the sessions that outputs are of. Where nobody uses any, there is nothing to remember."""

from bisect import bisect_right
from collections.abc import Iterable

END = 2**63  # after every position


class Turns:
    """From which position on outputs are of which session; None: of none."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._sessions: list[str | None] = []

    def add(self, position: int, turns: Iterable[tuple[str | None, int]]) -> None:
        """Note the sessions of outputs from `position` on, and how many are of each."""
        for session, count in turns:
            if session != (self._sessions[-1] if self._sessions else None):
                self._starts.append(position)
                self._sessions.append(session)
            position += count

    def forget_before(self, position: int) -> None:
        """Forget turns that ended before, once they are as many as the others."""
        old = bisect_right(self._starts, position) - 1
        if old > 0 and 2 * old >= len(self._starts):
            del self._starts[:old], self._sessions[:old]

    def at(self, position: int) -> tuple[str | None, int]:
        """Return the session of the output at `position`, and where the next turn begins."""
        index = bisect_right(self._starts, position)
        session = self._sessions[index - 1] if index else None
        return session, self._starts[index] if index < len(self._starts) else END

    def next_of(self, session: str, position: int) -> int:
        """Return the first position of the session from `position` on; `END` if there is none."""
        index = max(0, bisect_right(self._starts, position) - 1)
        for at in range(index, len(self._starts)):
            if self._sessions[at] == session:
                return max(position, self._starts[at])
        return END
