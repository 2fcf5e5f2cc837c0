"""Have the rows of many streams told and learnt that came in one message of Prometheus or OpenTelemetry."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable

from service.aio import in_thread
from service.auth.places import Places
from service.engine.commands import Sender
from service.errors import Conflict, Invalid, Overloaded
from service.runtime.observing import submit
from service.runtime.runtime import Runtime
from service.streams.commands import Observe
from service.streams.incoming.batch import Batch, Became, Source
from service.streams.rows import Kind, Observed, Row

_WAITING = 16  # messages at once, with that which is taken
_AHEAD_SECONDS = 600.0  # of this server's clock a sample may be; Prometheus allows as much
_SLICE = 100  # streams at a time
_LOOK_SECONDS = 0.05  # until there may be room again
_TOLD_SECONDS = 3600.0  # between two lines of the log about streams that are too many
_logger = logging.getLogger(__name__)


class Incoming:
    """Takes messages, one at a time, so that one that is sent twice finds what became of it the first time.

    Attributes:
        places: for the messages that wait.
        tally: rows by where they came from and what became of them.
    """

    def __init__(self, runtime: Runtime, most_rows: int) -> None:
        self.places = Places(_WAITING, "messages of Prometheus and OpenTelemetry")
        self.tally: Counter[tuple[Source, Became]] = Counter()
        self._runtime, self._most_rows = runtime, most_rows
        self._turn = asyncio.Lock()
        self._told_at = -_TOLD_SECONDS

    async def take(self, source: Source, decode: Callable[[], Batch]) -> Counter[Became]:
        """Have what `decode` returns told and learnt, and return how many rows became what.

        Samples of Prometheus that are not newer than the last row of their stream are left out, so that a message may
        be sent again. Rows that their stream refuses, and streams that would be too many, are left out, too. Raises
        what `decode` does, or another Refused: then all may have been taken, some or none.
        """
        async with self._turn:
            batch = await in_thread(decode)
            became = Counter(batch.dropped)
            try:
                if source == "prometheus":
                    for name, last in (await self._runtime.streams.last_rows_at(batch.rows)).items():
                        batch.rows[name] = _only_new(batch.rows[name], last, became)
                await self._observe(batch.rows, became)
            finally:
                self.tally.update({(source, what): count for what, count in became.items()})
        if became["beyond_limit"] and time.monotonic() - self._told_at >= _TOLD_SECONDS:
            self._told_at = time.monotonic()
            _logger.warning(
                "%d rows that %s sent are dropped, as all of streams beyond REALNET_STREAMS: choose what is sent, or "
                "delete streams (this is told once an hour)",
                became["beyond_limit"],
                source,
            )
        return became

    async def _observe(self, rows_of: dict[str, list[Row]], became: Counter[Became]) -> None:
        """Submit all rows, and wait for what becomes of them."""
        replies: list[tuple[int, asyncio.Future[Observed]]] = []
        try:
            for number, (name, rows) in enumerate(rows_of.items()):
                if number % _SLICE == 0:
                    await asyncio.sleep(0)  # the loop has time for others
                for start in range(0, len(rows), self._most_rows):
                    piece = rows[start : start + self._most_rows]
                    try:
                        replies.append((len(piece), await self._submitted(name, piece, not replies)))
                    except Conflict:
                        became["beyond_limit"] += len(piece)
        finally:
            failed = await _counted(replies, became)
        if failed is not None:
            raise failed

    async def _submitted(self, name: str, rows: list[Row], is_first: bool) -> "asyncio.Future[Observed]":
        """Submit rows, the first at once or not at all, others as soon as there is room: half a message is no use."""
        while True:
            kind: Kind = "lines" if isinstance(rows[0][1], str) else "values"
            command = Observe(name, kind, rows, sender=Sender(at=time.time()))
            try:
                submit(self._runtime, command)
            except Overloaded:
                if is_first:
                    raise
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                return command.reply


def _only_new(rows: list[Row], last: float | None, became: Counter[Became]) -> list[Row]:
    """Return the rows, which have times, that are each newer than the one before; the first than `last`."""
    latest = time.time() + _AHEAD_SECONDS
    new: list[Row] = []
    for at, what in rows:
        assert at is not None
        if last is not None and at <= last:
            became["late"] += 1
        elif at > latest:
            became["early"] += 1
        else:
            new.append((at, what))
            last = at
    return new


async def _counted(
    replies: list[tuple[int, "asyncio.Future[Observed]"]], became: Counter[Became]
) -> BaseException | None:
    """Wait for all replies, count what became of so many rows each, and return the first error of the server's own."""
    failed = None
    if replies:
        await asyncio.wait([reply for _, reply in replies])  # which cancels none
    for count, reply in replies:
        error = reply.exception()
        if error is None:
            became["taken"] += count
        elif isinstance(error, Invalid | Conflict):
            became["refused"] += count
        else:
            failed = failed or error
    return failed
