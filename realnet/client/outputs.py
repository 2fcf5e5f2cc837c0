"""Outputs as a stream has them, and which of them are of one's own inputs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(slots=True, frozen=True, eq=False)
class Outputs:
    """What the net made of `count` ticks that follow each other, in columns of as many rows: NumPy arrays.

    `surprise` (in bits) and `predicted` are about `token`, before it was seen; `next_token` and `next_probability` are
    the five that are expected after it. Of a net of frames there is `values`. A column that was not asked for, or not
    computed, is None. All are of one `session`, or of none.
    """

    first_tick: int
    count: int
    token: NDArray[np.int64] | None = None
    surprise: NDArray[np.float32] | None = None
    predicted: NDArray[np.int64] | None = None
    next_token: NDArray[np.int64] | None = None
    next_probability: NDArray[np.float32] | None = None
    values: NDArray[np.float32] | None = None
    session: str | None = None

    @classmethod
    def of(cls, message: dict[str, Any]) -> Outputs:
        """Make the outputs of a message whose columns are arrays."""
        return cls(**{each.name: message[each.name] for each in fields(cls) if each.name in message})

    @property
    def last_tick(self) -> int:
        return self.first_tick + self.count - 1

    @property
    def tick(self) -> NDArray[np.int64]:
        import numpy as np

        return np.arange(self.first_tick, self.first_tick + self.count)

    def between(self, first: int, last: int) -> Outputs:
        """Return those of the ticks `first` to `last`, of which there is at least one."""
        first, last = max(first, self.first_tick), min(last, self.last_tick)
        rows = slice(first - self.first_tick, last - self.first_tick + 1)
        columns = {each.name: getattr(self, each.name) for each in fields(self)[2:-1]}
        cut = {name: column[rows] for name, column in columns.items() if column is not None}
        return replace(self, first_tick=first, count=last - first + 1, **cut)


class OwnTicks:
    """Tells the outputs of one's own inputs from those of others; acks may come before or after the outputs."""

    def __init__(self) -> None:
        self._ranges: deque[tuple[int, int]] = deque()  # of ticks that are one's own, whose outputs have not come
        self._undecided: deque[Outputs] = deque()
        self._last_tick = 0

    @property
    def is_waiting(self) -> bool:
        """Return whether outputs are still to come."""
        return bool(self._ranges)

    def acknowledged(self, first_tick: int, last_tick: int) -> list[Outputs]:
        """Note that these ticks are one's own, and return the outputs that are, as far as that is known."""
        first_tick = max(first_tick, self._ranges[-1][1] + 1 if self._ranges else 0)  # an input that was repeated
        if first_tick <= last_tick:
            self._ranges.append((first_tick, last_tick))
        return self._decided()

    def came(self, outputs: Outputs) -> list[Outputs]:
        """Take outputs of anybody, and return those that are one's own, as far as that is known."""
        if outputs.first_tick <= self._last_tick:  # a restore took the net back
            self.forget()
        self._last_tick = outputs.last_tick
        self._undecided.append(outputs)
        return self._decided()

    def forget(self) -> int:
        """Expect none of the outputs any more that have not come, and return how many they are."""
        missing = sum(last - first + 1 for first, last in self._ranges)
        self._ranges.clear()
        self._undecided.clear()
        return missing

    def all_are_answered(self) -> None:
        """Note that no ack is to come: what is undecided is of others."""
        if not self._ranges:
            self._undecided.clear()

    def _decided(self) -> list[Outputs]:
        own: list[Outputs] = []
        while self._ranges and self._undecided:
            (first, last), outputs = self._ranges[0], self._undecided[0]
            if first <= outputs.last_tick and outputs.first_tick <= last:
                own.append(outputs.between(first, last))
                self._ranges[0] = outputs.last_tick + 1, last
            if outputs.last_tick >= last:
                self._ranges.popleft()
            if outputs.last_tick <= last:
                self._undecided.popleft()
            else:
                self._undecided[0] = outputs.between(last + 1, outputs.last_tick)
        return own
