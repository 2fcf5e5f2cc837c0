"""Rows of streams, what was told of them, and the events that a person is told."""

from typing import Literal, NamedTuple, TypeAlias

import msgspec

from realnet.streams.told import EventState, Told

Kind: TypeAlias = Literal["lines", "values"]
What: TypeAlias = float | str  # a value, NaN where it is missing, or a line
Row: TypeAlias = tuple[float | None, What]  # when it was, in seconds since 1970, if that is known

NAME_LENGTH = 256  # signs of a stream's name


def kind_of(rows: list[Row]) -> Kind:
    """Return the kind of rows, of which there is at least one."""
    return "lines" if isinstance(rows[0][1], str) else "values"


class ToldRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A row with what was told of it (`realnet.streams.told.Told`)."""

    row: int
    at: float | None
    what: What
    ready: bool
    score: float
    bits: float
    why: dict[str, float]
    expected: float | str | None
    low: float | None
    high: float | None
    event: tuple[int, EventState] | None  # the number of the stream's event, and what becomes of it

    @classmethod
    def of(cls, what: What, told: Told) -> "ToldRow":
        return cls(told.row, told.at, what, *told[2:9], told.event)


class StreamEvent(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """News of a stream that a person is told.

    Attributes:
        id: rises over all streams, by one.
        number: of the stream's events; what is said of one that got worse or is closed has the number of its beginning.
        row: the number of the row in the stream, which came `at`, and was received at `received_at`, all in seconds
            since 1970.
        what: the line, or the value.
        muted: whether it was in a time of maintenance: it is kept, and nobody is called.
    """

    id: int
    stream: str
    number: int
    state: EventState
    row: int
    at: float | None
    received_at: float
    what: What
    score: float
    bits: float
    why: dict[str, float]
    expected: float | str | None
    low: float | None
    high: float | None
    muted: bool


class Observed(NamedTuple):
    """What became of rows: the number of the first one in its stream, and what was told of each that is still known."""

    first_row: int
    accepted: int
    told: list[ToldRow]
