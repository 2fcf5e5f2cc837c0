"""Have the rows of a stream told of by a server, which keeps the detector: each row once, however often it is sent."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

import typer

from realnet.client import (
    AsyncClient,
    Conflict,
    EngineStopped,
    Invalid,
    NotFound,
    Observed,
    OutOfScope,
    RealNetError,
    StoreUnavailable,
    StreamEvent,
    StreamState,
    ToldRow,
    Unreachable,
)
from realnet.client import Row as SentRow
from realnet.client.streams import StreamKind, StreamOptions
from realnet.streams.told import Event, Expected, Told
from service.cli.watching.judges import Row, RowRefused

_MOST = 256  # rows of one request: of so many the server still knows what it told, if they come again
_PAUSE = 1.0  # seconds from one request to the next where rows are few: a server remembers 100,000 keys a day
_FIRST_SECONDS, _LAST_SECONDS = 0.5, 30.0  # between tries of a server that does not answer
_BACK = "the server answers again"
_BUSY_TRIES = 20  # of rows that are still being told of, as they came before

_SENT: dict[StreamKind, str] = {"lines": "text", "values": "value", "several": "values", "events": "fields"}

T = TypeVar("T")


class ServerJudge:
    """A stream of a server.

    Args:
        options: those that were chosen; `at_first`: the same and others, for a stream that is not there yet.
        say: is told what is waited for.
    """

    most = _MOST

    def __init__(
        self,
        client: AsyncClient,
        name: str,
        kind: StreamKind,
        options: StreamOptions,
        at_first: StreamOptions,
        say: Callable[[str], None],
        streams: int,
    ) -> None:
        self.name, self.rows, self.remaining = name, 0, 0
        self.pause = _PAUSE * streams
        self._client, self._kind, self._options, self._at_first, self._say = client, kind, options, at_first, say
        self._is_seen = False

    async def begin(self) -> None:
        """Have the server choose what was chosen, and make the stream if it is not there."""
        try:
            state = await self._answered(lambda: self._client.streams.get(self.name))
        except NotFound:
            await self._make()
            return
        if state.kind != self._kind:
            raise typer.BadParameter(f"{self.name} is a stream of {state.kind} there", param_hint="--stream")
        self._see(state)
        if any(state.options.get(name) != value for name, value in self._options.items()):
            await self._answered(lambda: self._client.streams.change(self.name, options=self._options))

    async def tell(self, rows: Sequence[Row], key: str) -> Sequence[Told | None]:
        sent = [cast(SentRow, {"at": at, _SENT[self._kind]: what}) for at, what in rows]
        observed = await self._observed(sent, key)
        self.rows += len(rows)
        self.remaining = max(0, self.remaining - len(rows))
        if not self._is_seen:
            self._see(await self._answered(lambda: self._client.streams.get(self.name)))
        known = {} if observed.first_row is None else {told.row - observed.first_row: told for told in observed.told}
        return [_told(known[place]) if place in known else None for place in range(len(rows))]

    def checkpoint(self) -> bytes:
        return b""

    async def _make(self) -> None:
        """Make the stream. A key that may only teach leaves that to its first rows, if nothing was chosen."""
        try:
            self._see(
                await self._answered(
                    lambda: self._client.streams.make(self.name, self._kind, options=self._at_first or None)
                )
            )
        except OutOfScope:
            if self._options:
                raise

    def _see(self, state: StreamState) -> None:
        self.rows, self.remaining, self._is_seen = state.rows, state.remaining, True

    async def _observed(self, sent: list[SentRow], key: str) -> Observed:
        tries = _BUSY_TRIES
        while True:
            try:
                return await self._answered(lambda: self._client.observe(self.name, sent, idempotency_key=key))
            except Conflict:  # they may be on their way still, from before this process
                tries -= 1
                if not tries:
                    raise
                await asyncio.sleep(_FIRST_SECONDS)
            except Invalid as error:
                raise _refused(error) from error

    async def _answered(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what the server answers, however long it has to be waited for."""
        delay, waits = _FIRST_SECONDS, False
        while True:
            try:
                answer = await ask()
            except RealNetError as error:
                if error.retry_after is None and not isinstance(error, Unreachable | EngineStopped | StoreUnavailable):
                    if waits:
                        self._say(_BACK)
                    raise
                if not waits:
                    self._say(f"waiting: {error}")
                waits = True
                await asyncio.sleep(max(delay, error.retry_after or 0.0))
                delay = min(2 * delay, _LAST_SECONDS)
            else:
                if waits:
                    self._say(_BACK)
                return answer


def _refused(error: Invalid) -> Exception:
    """Return the error of a row, or this one if it is of nothing in the rows."""
    for place in error.places:
        _, root, row, *_ = [*(place.pointer or "").split("/"), "", "", ""]
        if root == "rows":
            return RowRefused(place.detail, int(row) if row.isdecimal() else None)
    return error


def _told(row: ToldRow) -> Told:
    event: Any = None if row.event is None else Event(row.event.number, row.event.state)
    at = None if row.at is None else row.at.timestamp()
    expected = row.expected, row.low, row.high, event, each_of(row)
    return Told(row.row, at, row.ready, row.score, row.bits, row.why, *expected)


def each_of(row: ToldRow | StreamEvent) -> dict[str, Expected] | None:
    """Return what was expected of each of several values."""
    if row.each is None:
        return None
    return {name: Expected(each.value, each.low, each.high) for name, each in row.each.items()}
