"""Streams that the server watches: what is told of their rows, their events, and what a person wants of them."""

import builtins
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypedDict
from urllib.parse import quote

import msgspec

from realnet.client.http import Http
from realnet.client.pages import all_of

StreamKind: TypeAlias = Literal["lines", "values", "several", "events"]
EventState: TypeAlias = Literal["open", "worse", "closed"]
Time: TypeAlias = datetime | float | str  # with its zone, or seconds since 1970


class Row(TypedDict, total=False):
    """A row, and when it was, if that is known.

    It is a `value`, None where it is missing; several `values` by name; a `text`; or an event of JSON by its `fields`.
    """

    at: Time | None
    value: float | None
    values: Mapping[str, float | None]
    text: str
    fields: Mapping[str, Any]


class StreamOptions(TypedDict, total=False):
    """What may be chosen of a stream: of lines and events `budget` alone, alarms in 1,000; of values all."""

    budget: float | None
    sensitivity: Literal["quiet", "normal", "eager"]
    min_change: float | None
    direction: Literal["up", "down", "both"]
    zone: str
    missing: Literal["refuse", "skip", "previous", "zero"]
    expert: str


class Period(msgspec.Struct, frozen=True):
    """A time of maintenance."""

    begin: datetime
    end: datetime


class EventMark(msgspec.Struct, frozen=True):
    """An event of a stream by its `number`, and what became of it."""

    number: int
    state: EventState


class OneExpected(msgspec.Struct, frozen=True):
    """What was expected of one of several values, and where it would have been no news."""

    value: float
    low: float | None
    high: float | None


class _AboutRow(msgspec.Struct, frozen=True, kw_only=True):
    row: int
    at: datetime | None
    value: float | None
    values: dict[str, float | None] | None
    text: str | None
    fields: dict[str, Any] | None
    score: float
    bits: float
    why: dict[str, float]
    expected: float | str | None
    low: float | None
    high: float | None
    each: dict[str, OneExpected] | None


class ToldRow(_AboutRow, frozen=True, kw_only=True):
    """What was told of a row, before it was learnt: news from a `score` of 0.5 on."""

    ready: bool
    event: EventMark | None


class StreamEvent(_AboutRow, frozen=True, kw_only=True):
    """News of a stream. `id` rises over all streams, `number` is of the stream's; `muted`: in a time of maintenance."""

    id: int
    stream: str
    number: int
    state: EventState
    received_at: datetime
    muted: bool


class Observed(msgspec.Struct, frozen=True):
    """What became of rows: the number of the first in its stream, and what was `told` of those still known.

    Of rows that came before, under the same key, the server knows only the last; and `first_row` may be None.
    """

    stream: str
    accepted: int
    first_row: int | None
    told: list[ToldRow]


class StreamState(msgspec.Struct, frozen=True, kw_only=True):
    """A stream, as it is now. Nothing is told until `remaining` is 0; `alarms` are the events it opened."""

    name: str
    kind: StreamKind
    rows: int
    ready: bool
    remaining: int
    alarms: int
    alarms_in_1000: float
    score: float
    last_row_at: datetime | None
    last_event: EventMark | None
    options: dict[str, Any]
    maintenance: list[Period]


class EventsPage(msgspec.Struct, frozen=True):
    """Events, in order. The next page begins after `next`."""

    data: list[StreamEvent]
    has_more: bool
    next: int | None


class _ToldList(msgspec.Struct):
    data: list[ToldRow]


class AsyncStreams:
    """The streams that the server watches. `observe` of the client makes one by its first rows."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def list(self) -> list[StreamState]:
        """Return all streams, by name."""
        return await all_of(StreamState, self._http, "/v1/streams")

    async def get(self, name: str) -> StreamState:
        name = _encoded(name)
        return await self._http.ask(StreamState, "GET", f"/v1/streams/{name}")

    async def make(
        self,
        name: str,
        kind: StreamKind,
        *,
        options: StreamOptions | None = None,
        maintenance: Sequence[Period] | None = None,
    ) -> StreamState:
        """Make a stream before its first rows come. Raises Conflict if there is one of this name."""
        name, body = _encoded(name), {"kind": kind, **_given(options, maintenance)}
        return await self._http.ask(StreamState, "PUT", f"/v1/streams/{name}", body=body)

    async def change(
        self, name: str, *, options: StreamOptions | None = None, maintenance: Sequence[Period] | None = None
    ) -> StreamState:
        """Choose what is given of `options`, and put `maintenance` in place of all times of it before."""
        name, body = _encoded(name), _given(options, maintenance)
        return await self._http.ask(StreamState, "PATCH", f"/v1/streams/{name}", body=body, is_repeatable=True)

    async def delete(self, name: str) -> None:
        """Forget a stream: the next rows of this name begin a new one. Its events stay."""
        name = _encoded(name)
        await self._http.ask(type(None), "DELETE", f"/v1/streams/{name}")

    async def rows(self, name: str, last: int = 256) -> builtins.list[ToldRow]:
        """Return the last rows with what was told of them, oldest first; 256 are kept."""
        return (await self._http.ask(_ToldList, "GET", "/v1/rows", query={"stream": name, "last": last})).data

    async def feedback(self, name: str, event: int, verdict: Literal["normal", "anomaly"]) -> StreamState:
        """Say of an event, by its number, that such rows are normal; or that they are not to be learnt."""
        body = {"stream": name, "event": event, "verdict": verdict}
        return await self._http.ask(StreamState, "POST", "/v1/feedback", body=body)


def _encoded(name: str) -> str:
    return quote(name, safe="")


def _given(options: StreamOptions | None, maintenance: Sequence[Period] | None) -> dict[str, Any]:
    changes = {"options": options, "maintenance": maintenance}
    return {name: value for name, value in changes.items() if value is not None}
