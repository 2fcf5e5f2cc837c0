"""Rows of streams, what was told of them, and the events that a person is told."""

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from realnet.streams.told import EventState, Expected, Told
from service.journal.records import StreamKind as Kind

What: TypeAlias = float | str  # a value, NaN where it is missing; a line; or JSON: several values, or an event
Row: TypeAlias = tuple[float | None, What]  # when it was, in seconds since 1970, if that is known

NAME_LENGTH = 256  # signs of a stream's name


__all__ = ["NAME_LENGTH", "Kind", "Observed", "Row", "StreamEvent", "ToldRow", "What"]


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
    each: Mapping[str, Expected] | None = None  # of several values, what was expected of each

    @classmethod
    def of(cls, what: What, told: Told) -> "ToldRow":
        return cls(told.row, told.at, what, *told[2:])


class StreamEvent(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """News of a stream that a person is told.

    Attributes:
        id: rises over all streams, by one.
        number: of the stream's events; what is said of one that got worse or is closed has the number of its beginning.
        row: the number of the row in the stream, which came `at`, and was received at `received_at`, all in seconds
            since 1970.
        what: what came, of the `kind` of the stream.
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
    kind: Kind
    each: Mapping[str, Expected] | None = None


class Observed(NamedTuple):
    """What became of rows: the number of the first one in its stream, and what was told of each that is still known."""

    first_row: int
    accepted: int
    told: list[ToldRow]
