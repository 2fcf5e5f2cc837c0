"""What is told of the rows of a stream, whatever they are; and who tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, Self, TypeAlias, TypeVar

from realnet.checkpoint import Checkpoint

ALARM = 0.5  # the score from which on a row is news

EventState: TypeAlias = Literal["open", "worse", "closed"]


class Event(NamedTuple):
    """News that a person is told: once when it begins, again only if it gets worse, and when it is over.

    `number` is of the stream's events, from 1.
    """

    number: int
    state: EventState


class Expected(NamedTuple):
    """What was expected of one of several values, and where it would have been no news."""

    value: float
    low: float | None
    high: float | None


class Told(NamedTuple):
    """What is told of one row, before it was learnt.

    Attributes:
        row: its number in the stream, from 1.
        at: when it was, in seconds since 1970; None if nobody said.
        ready: whether the detector has seen enough to say anything; until then the score is 0.
        score: how new the row is, in [0, 1): news from `ALARM` on.
        bits: how rare that is by the detector's own reckoning.
        why: what spoke for it, by name, in bits, the loudest first.
        expected: what was expected in place of it: a value, or None; of a line the most similar one that is known.
        low, high: between them a value would have been no news; None of a line.
        event: what a person is to be told, None for most rows.
        each: of a row of several values what was expected of each, by its name; the three above are None then.
    """

    row: int
    at: float | None
    ready: bool
    score: float
    bits: float
    why: dict[str, float]
    expected: float | str | None = None
    low: float | None = None
    high: float | None = None
    event: Event | None = None
    each: dict[str, Expected] | None = None


Row = TypeVar("Row", contravariant=True)


Learn: TypeAlias = bool | Sequence[bool]  # whether rows are learnt: all of them, or each by itself


def learn_each(learn: Learn, rows: int) -> Sequence[bool]:
    """Return of each row whether it is learnt. Raises ValueError if there are more or fewer rows."""
    if isinstance(learn, bool):
        return [learn] * rows
    if len(learn) != rows:
        raise ValueError(f"learn is of {len(learn)} rows, and there are {rows}")
    return learn


class Detector(Protocol[Row]):
    """Says of each row how new it is, and learns it. The same rows give the same, however they are cut into calls.

    Attributes:
        rows: how many it has seen.
        remaining: rows until it says anything; 0 once it is ready.
        nbytes: about how many bytes of memory it takes.
    """

    rows: int

    @property
    def remaining(self) -> int: ...

    @property
    def nbytes(self) -> int: ...

    def run(self, rows: Sequence[Row], learn: Learn = True) -> list[Told]:
        """Tell of each row, and learn it unless it is not to be learnt. Raises ValueError, with nothing changed."""
        ...

    def feedback(self, event: int, verdict: Literal["normal", "anomaly"]) -> None:
        """Take a person's word on an event: `normal` is known from now on. Raises ValueError for no such event."""
        ...

    def checkpoint(self) -> Checkpoint:
        """Return a copy of everything."""
        ...

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Self:
        """Return the detector that made it, which goes on exactly. Raises ValueError for any other."""
        ...
