"""An event as it is shown to others: by the API and by hooks."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import BaseModel

from realnet.streams.told import EventState, Expected
from service.streams.kinds import as_sent
from service.streams.rows import StreamEvent


class OneExpected(BaseModel, frozen=True):
    """What was expected of one of several values, and where it would have been no news."""

    value: float
    low: float | None
    high: float | None


class News(BaseModel, frozen=True):
    """News of a stream that a person is told. `id` rises over all streams; `number` is of the stream's events.

    It is told when it opens, when it got `worse`, and when it is `closed`; all with the same number. One that is
    `muted` came in a time of maintenance, and nobody is called. `received_at` is when the row came to this server.
    """

    id: int
    stream: str
    number: int
    state: EventState
    row: int
    at: datetime | None
    received_at: datetime
    value: float | None = None
    values: dict[str, float | None] | None = None
    text: str | None = None
    fields: dict[str, Any] | None = None
    score: float
    bits: float
    why: dict[str, float]
    expected: float | str | None
    low: float | None
    high: float | None
    each: dict[str, OneExpected] | None
    muted: bool

    @classmethod
    def of(cls, event: StreamEvent) -> Self:
        return cls(
            **as_sent(event.kind, event.what),
            id=event.id,
            stream=event.stream,
            number=event.number,
            state=event.state,
            row=event.row,
            at=time_of(event.at),
            received_at=datetime.fromtimestamp(event.received_at, UTC),
            score=event.score,
            bits=event.bits,
            why=event.why,
            expected=event.expected,
            low=event.low,
            high=event.high,
            each=each_of(event.each),
            muted=event.muted,
        )


def time_of(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def each_of(each: Mapping[str, Expected] | None) -> dict[str, OneExpected] | None:
    return None if each is None else {name: OneExpected(**one._asdict()) for name, one in each.items()}
