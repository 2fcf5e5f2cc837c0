"""An event as it is shown to others: by the API and by hooks."""

import math
from datetime import UTC, datetime
from typing import Self

from pydantic import BaseModel

from realnet.streams.told import EventState
from service.streams.rows import StreamEvent


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
    value: float | None
    text: str | None
    score: float
    bits: float
    why: dict[str, float]
    expected: float | str | None
    low: float | None
    high: float | None
    muted: bool

    @classmethod
    def of(cls, event: StreamEvent) -> Self:
        what = event.what
        return cls(
            id=event.id,
            stream=event.stream,
            number=event.number,
            state=event.state,
            row=event.row,
            at=time_of(event.at),
            received_at=datetime.fromtimestamp(event.received_at, UTC),
            value=value_of(what),
            text=what if isinstance(what, str) else None,
            score=event.score,
            bits=event.bits,
            why=event.why,
            expected=event.expected,
            low=event.low,
            high=event.high,
            muted=event.muted,
        )


def time_of(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def value_of(what: float | str) -> float | None:
    return None if isinstance(what, str) or math.isnan(what) else what
