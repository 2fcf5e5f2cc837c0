"""Rows and events as they are shown to others: by the API and by hooks."""

from datetime import UTC, datetime
from typing import Any, Self

from pydantic import BaseModel

from realnet.streams.told import EventState
from service.streams.kinds import as_sent
from service.streams.rows import Kind, StreamEvent, ToldRow


class OneExpected(BaseModel, frozen=True):
    """What was expected of one of several values, and where it would have been no news."""

    value: float
    low: float | None
    high: float | None


class EventMark(BaseModel, frozen=True):
    """An event of a stream by its `number`: it is `open`, got `worse`, or is `closed`."""

    number: int
    state: EventState


class _AboutRow(BaseModel, frozen=True):
    row: int
    at: datetime | None
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


class Told(_AboutRow, frozen=True):
    """What was told of a row: news from a `score` of 0.5 on.

    `bits` say how rare it is, and `why` what spoke for it. `expected` is the value, or the known line that is most like
    it; between `low` and `high` a value would have been no news; of several values `each` has these. Until the stream
    is `ready` the score is 0.
    """

    ready: bool
    event: EventMark | None

    @classmethod
    def of(cls, kind: Kind, row: ToldRow) -> Self:
        event = None if row.event is None else EventMark(number=row.event[0], state=row.event[1])
        return cls(**_about(kind, row), ready=row.ready, event=event)


class News(_AboutRow, frozen=True):
    """News of a stream that a person is told. `id` rises over all streams; `number` is of the stream's events.

    It is told when it opens, when it got `worse`, and when it is `closed`; all with the same number. One that is
    `muted` came in a time of maintenance, and nobody is called. `received_at` is when the row came to this server.
    """

    id: int
    stream: str
    number: int
    state: EventState
    received_at: datetime
    muted: bool

    @classmethod
    def of(cls, event: StreamEvent) -> Self:
        return cls(
            **_about(event.kind, event),
            id=event.id,
            stream=event.stream,
            number=event.number,
            state=event.state,
            received_at=datetime.fromtimestamp(event.received_at, UTC),
            muted=event.muted,
        )


def time_of(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def _about(kind: Kind, row: ToldRow | StreamEvent) -> dict[str, Any]:
    each = None if row.each is None else {name: OneExpected(**one._asdict()) for name, one in row.each.items()}
    same = {name: getattr(row, name) for name in ("row", "score", "bits", "why", "expected", "low", "high")}
    return {**as_sent(kind, row.what), **same, "at": time_of(row.at), "each": each}
