"""Streams that are watched, as bodies of REST: rows in, what is told of them out."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, Field, model_validator

from realnet.streams.value_options import Direction, Expert, Missing, Sensitivity
from realnet.streams.zone import is_time
from service.errors import ErrorLocation, Invalid
from service.streams.rows import NAME_LENGTH, Kind
from service.streams.rows import Observed as WhatBecame
from service.streams.rows import Row as GivenRow
from service.streams.shown import EventMark, News, Told, time_of
from service.streams.stream import StreamInfo
from service.validation import Body


def check_name(name: str) -> str:
    """Return the name of a stream. Raises ValueError."""
    if not (0 < len(name) <= NAME_LENGTH and name.isprintable()) or name in (".", ".."):
        raise ValueError(f"1 to {NAME_LENGTH} printable signs, other than . and .., which a URL has no place for")
    return name


def _seconds(at: float | str | None) -> float | None:
    """Return a time in seconds since 1970. Raises ValueError."""
    if isinstance(at, str):
        try:
            time = datetime.fromisoformat(at)
        except ValueError:
            raise ValueError("a time as 2026-11-26T06:00:00Z, or seconds since 1970") from None
        if time.tzinfo is None:
            raise ValueError("a time with its zone, as 2026-11-26T06:00:00Z")
        return time.timestamp()
    if at is not None and not is_time(at):
        raise ValueError("seconds since 1970, or a time as 2026-11-26T06:00:00Z")
    return at


_MOST_SIGNS = 8192  # of JSON in a row
_DEEPEST = 32  # lists and objects in each other

Name: TypeAlias = Annotated[str, AfterValidator(check_name)]
Which: TypeAlias = Literal["all", "events", "none"]  # of the rows that are told of in an answer
Time: TypeAlias = Annotated[float | str | None, AfterValidator(_seconds)]


class Row(Body):
    """A row, and when it was, if that is known.

    It is a `value`, null where it is missing; several `values` by name; a `text`; or an event of JSON by its `fields`.
    """

    at: Time = None
    value: float | None = None
    values: dict[str, float | None] | None = None
    text: str | None = None
    fields: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        given = self.model_fields_set - {"at"}
        if len(given) != 1:
            raise ValueError("give one of value, values, text and fields")
        if "value" not in given and getattr(self, given.pop()) is None:
            raise ValueError("it is null")
        _ = self.what
        return self

    @property
    def kind(self) -> Kind:
        if self.text is not None:
            return "lines"
        return "several" if self.values is not None else "events" if self.fields is not None else "values"

    @cached_property
    def what(self) -> float | str:
        """Return it as a stream takes it. Raises ValueError."""
        if self.text is not None:
            return self.text
        if self.values is not None or self.fields is not None:
            return _json_of(self.values or self.fields or {})
        return math.nan if self.value is None else self.value


class Rows(Body):
    """Rows of a stream: `rows`, or without times `values` or `lines`. All are lines, or all are values."""

    stream: Name
    rows: Annotated[list[Row], Field(min_length=1, fail_fast=True)] | None = None
    values: Annotated[list[float | None], Field(min_length=1, fail_fast=True)] | None = None
    lines: Annotated[list[str], Field(min_length=1, fail_fast=True)] | None = None
    learn: bool = Field(True, description="whether they are learnt, or only told of")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.rows is not None) + (self.values is not None) + (self.lines is not None) != 1:
            raise ValueError("give exactly one of rows, values and lines")
        return self

    def parsed(self, most: int) -> list[GivenRow]:
        """Return the rows as a stream takes them. Raises Invalid, naming the place."""
        rows: list[GivenRow]
        if self.rows is not None:
            rows = [(row.at, row.what) for row in self.rows]  # type: ignore[misc]  # `at` was made a number
        elif self.lines is not None:
            rows = [(None, line) for line in self.lines]
        else:
            rows = [(None, math.nan if value is None else value) for value in self.values or ()]
        if len(rows) > most:
            raise self.located(Invalid([ErrorLocation(detail=f"{len(rows)} rows, and {most} may be", pointer="/rows")]))
        for number, row in enumerate(self.rows or ()):
            if row.kind != self.kind:
                raise Invalid([ErrorLocation(detail="all rows are of one kind", pointer=f"/rows/{number}")])
        return rows

    @cached_property
    def kind(self) -> Kind:
        """Return the kind of the first row."""
        return self.rows[0].kind if self.rows is not None else "lines" if self.lines is not None else "values"

    def located(self, error: Invalid) -> Invalid:
        """Return the error of rows, which is at `/rows/…`, where this body has them."""
        place = "/rows" if self.rows is not None else "/lines" if self.lines is not None else "/values"
        return Invalid(
            each.model_copy(update={"pointer": place + each.pointer.removeprefix("/rows")})
            if each.pointer is not None and each.pointer.startswith("/rows")
            else each
            for each in error.places
        )


class Observed(BaseModel):
    """What became of rows: `first_row` is the number of the first in the stream. `told` may be left out in part."""

    stream: str
    accepted: int
    first_row: int | None
    told: list[Told]

    @classmethod
    def of(cls, given: Rows, became: WhatBecame, which: Which) -> Self:
        rows = [row for row in became.told if which == "all" or (which == "events" and row.event is not None)]
        told = [Told.of(given.kind, row) for row in rows]
        return cls(stream=given.stream, accepted=became.accepted, first_row=became.first_row or None, told=told)


class ToldList(BaseModel):
    data: list[Told]


class EventList(BaseModel):
    data: list[News]
    has_more: bool
    next: int | None


class Period(BaseModel, frozen=True):
    begin: datetime
    end: datetime


class Stream(BaseModel):
    """A stream. Until `remaining` is 0 it is not `ready` and nothing is told.

    `alarms` are the events that were opened, `alarms_in_1000` those among its last 10,000 rows, in 1,000 of them;
    `score` is that of its last row. In times of `maintenance` it learns nothing, and its events are muted.
    """

    name: str
    kind: Kind
    rows: int
    ready: bool
    remaining: int
    alarms: int
    alarms_in_1000: float
    score: float
    last_row_at: datetime | None
    last_event: EventMark | None
    options: dict[str, str | float | None]
    maintenance: list[Period]

    @classmethod
    def of(cls, info: StreamInfo) -> Self:
        last = info.last_event
        return cls(
            name=info.name,
            kind=info.kind,
            rows=info.rows,
            ready=info.remaining == 0,
            remaining=info.remaining,
            alarms=info.alarms,
            alarms_in_1000=info.alarms_in_1000,
            score=info.score,
            last_row_at=time_of(info.last_row_at),
            last_event=None if last is None else EventMark(number=last.number, state=last.state),
            options=info.options,
            maintenance=[
                Period(begin=datetime.fromtimestamp(begin, UTC), end=datetime.fromtimestamp(end, UTC))
                for begin, end in info.maintenance
            ],
        )


class StreamList(BaseModel):
    data: list[Stream]
    has_more: bool
    next: str | None


class Options(Body):
    """What a person may choose of a stream; what is left out stays as it is.

    Of lines and of events `budget` alone, alarms in 1,000 rows. Of values see the documentation; `expert` is chosen
    once.
    """

    budget: float | None = None
    sensitivity: Sensitivity = "normal"
    min_change: float | None = None
    direction: Direction = "both"
    zone: str = Field("UTC", max_length=64)
    missing: Missing = "refuse"
    expert: Expert = "mixed"


class GivenPeriod(Body):
    """From `begin` up to `end`, by the times of rows, or if they have none by when they come."""

    begin: Time
    end: Time

    @model_validator(mode="after")
    def _is_atime_of(self) -> Self:
        if not isinstance(self.begin, float | int) or not isinstance(self.end, float | int) or self.begin >= self.end:
            raise ValueError("from a time to a later one")
        return self


class StreamChanges(Body):
    options: Options | None = None
    maintenance: Annotated[list[GivenPeriod], Field(max_length=100)] | None = Field(
        None, description="all times of maintenance, in place of those before"
    )

    def periods(self) -> list[tuple[float, float]] | None:
        if self.maintenance is None:
            return None
        return [(float(each.begin or 0), float(each.end or 0)) for each in self.maintenance]


class NewStream(StreamChanges):
    kind: Kind


class Feedback(Body):
    """What a person says of an event, by its number in the stream."""

    stream: Name
    event: Annotated[int, Field(ge=1, le=2**53 - 1)]
    verdict: Literal["normal", "anomaly"]


def _json_of(given: Mapping[str, Any]) -> str:
    """Return an object as JSON that is UTF-8. Raises ValueError for one that is too deep, or too long."""
    _check_depth(given, _DEEPEST)
    text = json.dumps(given, ensure_ascii=False)
    if len(text) > _MOST_SIGNS:
        raise ValueError(f"{len(text)} signs of JSON, and {_MOST_SIGNS} may be")
    return text.encode(errors="replace").decode()


def _check_depth(given: object, left: int) -> None:
    if isinstance(given, Mapping | list):
        if not left:
            raise ValueError(f"it is deeper than {_DEEPEST} lists and objects")
        for each in given.values() if isinstance(given, Mapping) else given:
            _check_depth(each, left - 1)
