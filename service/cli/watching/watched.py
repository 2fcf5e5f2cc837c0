"""One stream that is watched: lines of a file in, told of by a judge, events out."""

import asyncio
import gzip
import math
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import typer

from realnet.client import RealNetError
from realnet.client.server import Server
from realnet.client.streams import StreamKind
from realnet.streams.told import Told
from service.cli.source import Source
from service.cli.watching.columns import Columns
from service.cli.watching.cutting import BinaryError, Cutter, RawLine
from service.cli.watching.judges import Judge, Row, RowRefused, What
from service.cli.watching.logs import JsonEvents, Log
from service.cli.watching.seen import Seen
from service.cli.watching.state import Kept
from service.cli.watching.telling import Teller

_BLOCK = 65_536  # bytes read at once
_NAMED = 20  # bad rows that are named one by one
_HOPELESS = 10  # bad rows and no other, and the file is not what it was said to be


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was asked for; `options` are the detectors', which with a `server` are there."""

    files: tuple[str, ...]
    follow: bool
    kind: StreamKind
    column: str | None
    time: str | None
    options: dict[str, Any]
    state: Path | None
    exit_on_event: bool
    server: Server | None = None
    stream: str | None = None
    picture: Path | None = None

    @property
    def takes_missing(self) -> bool:
        return str(self.options.get("missing", "skip" if self.kind == "several" else "refuse")) != "refuse"


class Enough(Exception):
    """The event has come that was waited for."""


class Watched:
    """One stream: a file, and who judges its rows.

    Attributes:
        rows: of this run; those of them that were told of by a judge that was `ready`, and the `events` they opened.
        bad: how many could not be read.
        seen: all that was told, where there is to be a picture.
    """

    def __init__(self, name: str, asked: Asked, judge: Judge, teller: Teller, say: Callable[[str], None]) -> None:
        self.name = name
        self.rows = self.ready = self.events = self.bad = 0
        self._judge, self._teller, self._say = judge, teller, say
        self._is_enough = asked.exit_on_event
        self._cutter = Cutter()
        self._begin(0, 0, uuid4().hex)
        self._has_begun_again = False
        self._said: set[str] = set()
        self._source = Source(name, 0, asked.follow, self._begin_again, unpacks=True)
        self._is_kept = self._source.is_file and name != "-"  # what comes in a pipe comes once
        self._is_live = asked.follow or not self._source.is_file
        self._form: Log | JsonEvents | Columns = Log()
        if asked.kind == "events":
            self._form = JsonEvents(asked.time)
        elif asked.kind != "lines":
            self._form = Columns(asked.column, asked.time, asked.takes_missing, self._say_of_it)
        self.seen = None if asked.picture is None else Seen()
        self.before_sending: Callable[[], None] = lambda: None

    def close(self) -> None:
        self._source.close()

    def resume(self, kept: Kept) -> None:
        """Go on with the file where it was read up to."""
        if isinstance(self._form, Columns) and kept.layout is not None:
            self._form.resume(kept.layout)
        if not self._is_kept:
            self._form.begin()
            return
        with self._reading():
            goes_on = self._source.resume(kept.position, kept.head, max(kept.position, kept.sent))
        if goes_on:
            self._begin(kept.position, kept.number, kept.run, kept.sent)
            self._cutter.begin(kept.position, kept.number, kept.head)
        else:
            self._say(f"{self.name} is another file than before: it is read from its beginning")
            self._form.begin()

    def kept(self, stream: str | None) -> Kept:
        """Return what is needed to go on; `stream` is the name that it has in a server."""
        layout = self._form.layout if isinstance(self._form, Columns) else None
        checkpoint = self._judge.checkpoint()
        if not self._is_kept:
            return Kept(0, 0, b"", layout, checkpoint, stream)
        head = self._cutter.head
        return Kept(self._position, self._number, head, layout, checkpoint, stream, self._sent, self._run)

    async def watch(self) -> None:
        """Tell of all that the file has, or while it is followed.

        Raises BadParameter for a file that is not what it was said to be, Enough, RealNetError and OSError.
        """
        await self._judge.begin()
        remaining = self._judge.remaining
        if remaining and self._is_live:
            hint = "; tail -n +1 -F FILE begins with those that FILE has" if self.name == "-" else ""
            self._say_of_it(f"nothing is told of the first {remaining:,} rows, by which it learns what is usual{hint}")
        with self._reading():
            if self._sent > self._position:  # all together, or they would be others
                again = self._source.read_up_to(self._sent)
                await self._tell([*self._cutter.add(again), *self._cutter.last()])
            told_at = -math.inf
            async for block in self._source.blocks(_BLOCK):
                if self._has_begun_again:
                    await self._end_file()
                if self._is_live and len(block) < _BLOCK:
                    await asyncio.sleep(told_at + self._judge.pause - time.monotonic())
                await self._take(self._cutter.add(block))
                told_at = time.monotonic()
                await asyncio.sleep(0)  # or no signal is seen
        await self._take(self._cutter.last())
        if self.bad and not self._judge.rows:
            raise self._refused(f"none of its {self.bad} rows can be read")

    def summary(self, seconds: float) -> str:
        """Return what this run made of it, in one line."""
        line = f"{self.rows:,} rows in {seconds:,.1f} s ({self.rows / seconds:,.0f} a second), {self.events:,} events"
        if self.ready:
            line += f" ({1000 * self.events / self.ready:,.3g} in 1,000 rows)"
        if self.bad:
            line += f"; {self.bad:,} rows could not be read"
        if remaining := self._judge.remaining:
            line += f"; nothing is told before {remaining:,} more rows have come"
        return line

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise RealNetError(f"{self.name} is no whole file of gzip: {error}") from error
        except BinaryError as error:
            raise self._refused(str(error)) from error

    def _begin_again(self, why: str) -> None:
        self._say(why)
        self._has_begun_again = True

    async def _end_file(self) -> None:
        """Have another file read, or the same one anew; what is left of a line of the old one is its last."""
        await self._take(self._cutter.last())
        self._cutter.begin(0, 0, b"")
        self._begin(0, 0, uuid4().hex)
        self._form.begin()
        self._has_begun_again = False

    def _begin(self, position: int, number: int, run: str, sent: int = 0) -> None:
        """Go on at a position of the file, up to which all is told, in a `run` through it.

        Up to the position `sent` lines may have been sent, together.
        """
        self._position, self._number, self._run, self._sent = position, number, run, sent

    async def _take(self, lines: Iterator[RawLine]) -> None:
        """Tell of lines: together, as that is faster, but one by one where the next may not be told."""
        for line in lines:
            await self._tell([line, *islice(lines, self._together() - 1)])

    def _together(self) -> int:
        """Return how many lines may be told of at once: none behind an event that is to be the last."""
        if not self._judge.rows:
            return 1
        return max(1, min(self._judge.most, self._judge.remaining)) if self._is_enough else self._judge.most

    async def _tell(self, lines: list[RawLine]) -> None:
        parsed = [(line, row) for line in lines if (row := self._parsed(line)) is not None]
        events = await self._judged(parsed)
        self._position, self._number = lines[-1].end, lines[-1].number
        if events and self._is_enough:
            raise Enough

    def _parsed(self, line: RawLine) -> Row | None:
        if line.is_cut:
            self._say_once(
                "long", f"line {line.number:,} is longer than 64 kB: only its beginning is read, as of others"
            )
        try:
            text = line.data.decode()
        except UnicodeDecodeError:
            self._say_once("signs", f"line {line.number:,} is no UTF-8: such bytes are read as U+FFFD, as in others")
            text = line.data.decode(errors="replace")
        try:
            return self._form.read(text)
        except ValueError as error:
            self._add_bad(line, str(error))
            return None

    async def _judged(self, parsed: list[tuple[RawLine, Row]]) -> int:
        """Have rows told and learnt, and return how many events are to be told. One that is refused is left out."""
        events, together = 0, len(parsed)
        while parsed:
            part = parsed[:together]
            try:
                events += await self._judged_together(part)
            except RowRefused as refused:
                if refused.place != 0 and len(part) > 1:
                    together = refused.place or 1  # those before it, or one
                    continue
                part = part[:1]
                self._add_bad(part[0][0], str(refused))
            self._position, self._number = part[-1][0].end, part[-1][0].number
            parsed = parsed[len(part) :]
            together = len(parsed)
        return events

    async def _judged_together(self, parsed: list[tuple[RawLine, Row]]) -> int:
        remaining, self._sent = self._judge.remaining, parsed[-1][0].end
        self.before_sending()
        told = await self._judge.tell([row for _, row in parsed], f"{self._run}-{self._position}-{self._sent}")
        self.rows += len(told)
        self.ready += sum(each is not None and each.ready for each in told)
        if remaining and self._is_live and not self._judge.remaining:
            self._say_of_it("it knows what is usual: news is told from now on")
        return sum(
            self._is_told(line, what, each)
            for (line, (_, what)), each in zip(parsed, told, strict=True)
            if each is not None
        )

    def _is_told(self, line: RawLine, what: What, told: Told) -> bool:
        if self.seen is not None and not isinstance(what, dict):
            self.seen.add(line.number, what, told)
        if told.event is None:
            return False
        self.events += told.event.state == "open"
        self._teller.tell(self.name, line.number, what, told, told.event)
        return told.event.state != "closed"

    def _add_bad(self, line: RawLine, why: str) -> None:
        self.bad += 1
        if self.bad <= _NAMED:
            self._say_of_it(f"line {line.number:,} cannot be read: {why}")
        elif self.bad == _NAMED + 1:
            self._say_of_it("more lines cannot be read: they are counted")
        if self.bad >= _HOPELESS and not self._judge.rows:
            raise self._refused(f"none of its first {self.bad} rows can be read")

    def _refused(self, why: str) -> typer.BadParameter:
        return typer.BadParameter(f"{self.name}: {why}", param_hint="FILE")

    def _say_of_it(self, what: str) -> None:
        self._say(f"{self.name}: {what}")

    def _say_once(self, topic: str, what: str) -> None:
        if topic not in self._said:
            self._said.add(topic)
            self._say_of_it(what)
