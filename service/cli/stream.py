"""What `realnet stream` does: send a file in small messages, and show how well the net predicts it while it learns."""

import asyncio
import math
import time
from collections import deque
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from realnet.client import Ack, AsyncStream, Outputs, RealNetError, Server
from realnet.client.models import InputContent, Level
from service.cli.signals import on_a_signal
from service.cli.source import Source, cut
from service.cli.tally import Tally

_BLOCK = 4096  # bytes read and sent at once, if a message has fewer
_SHOW_SECONDS = 0.1
_LAST_SECONDS = 5.0  # how long acks and outputs are waited for after Ctrl-C


@dataclass(slots=True, frozen=True)
class Asked:
    """What the command was asked for: a file, from which byte on, and how it is sent."""

    path: str
    start: int
    follow: bool
    batch: int
    outputs: Level
    label: str | None = None
    session: str | None = None


class _Stopped(Exception):
    """A signal ended it."""


class Waits:
    """Tells why the stream waits, once until it goes on."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_told = False

    def tell(self, why: object) -> None:
        if not self._is_told:
            self._console.print(f"waiting: {why}")
        self._is_told = True

    def are_over(self) -> None:
        self._is_told = False


class Sending:
    """One file on its way to the server."""

    def __init__(self, asked: Asked, stream: AsyncStream, source: Source, progress: Progress, waits: Waits) -> None:
        self.learnt = 0
        self.tally = Tally()
        self._asked = asked
        self._stream = stream
        self._source = source
        self._progress = progress
        self._waits = waits
        self._task = progress.add_task("", total=source.size, completed=asked.start, figures="")
        self._position = asked.start  # in the file, up to which it is learnt
        self._on_their_way: deque[tuple[int, int]] = deque()  # bytes of each message, and the position after them
        self._sent = 0  # messages
        self._is_told = False  # that it is no UTF-8
        self._of_each: InputContent = {} if asked.label is None else {"label": asked.label}
        self._began = time.monotonic()
        self._shown_at = 0.0

    @property
    def unit(self) -> str:
        """Return what `learnt` counts: bytes, which are tokens where the vocabulary is that of bytes."""
        return "bytes" if self._has_words else "tokens"

    @property
    def far(self) -> str:
        """Return how far it came, and what goes on from there."""
        if self._source.is_file:
            return f"go on with --from {self._position}"
        return f"the first {self._position:,} bytes are learnt"

    @property
    def _has_words(self) -> bool:
        return self._stream.net.vocabulary != "bytes"

    def summary(self) -> str:
        seconds = time.monotonic() - self._began
        line = f"{self.learnt:,} {self.unit} learnt in {seconds:,.1f} s ({self.learnt / seconds:,.0f} a second)"
        if self.tally.tokens:
            line += f"; {self.tally.summary()}"
        if self._stream.dropped:
            line += f"; {self._stream.dropped:,} outputs were lost on their way and are not counted"
        return line

    async def send(self) -> None:
        """Send all of the file."""
        self._began = time.monotonic()
        if self._stream.net.vocabulary is None:
            raise RealNetError("the net reads frames of numbers, and no text")
        left = b""
        async for block in self._source.blocks(max(self._asked.batch, _BLOCK)):
            found, left = cut(left + block, self._asked.batch, self._has_words)
            await self._send(found, left)
        await self._send([left] if left else [], b"")
        await self._stream.finish()

    async def _send(self, pieces: list[bytes], left: bytes) -> None:
        position = self._source.position - len(left) - sum(map(len, pieces))
        for piece in pieces:
            position += len(piece)
            self._on_their_way.append((len(piece), position))
            self._sent += 1
            await self._stream.send(self._text(piece) if self._has_words else piece, **self._of_each)

    def _text(self, piece: bytes) -> str:
        try:
            return piece.decode()
        except UnicodeDecodeError:
            if not self._is_told:
                self._progress.console.print("some of it is no UTF-8, and is read as U+FFFD")
                self._is_told = True
            return piece.decode(errors="replace")

    async def receive(self) -> None:
        """Keep count of what comes back, until all has."""
        async for message in self._stream.messages():
            match message:
                case Outputs():
                    self.tally.add(message)
                case Ack():
                    self._waits.are_over()
                    while len(self._on_their_way) > self._sent - self._stream.learnt:
                        count, self._position = self._on_their_way.popleft()
                        self.learnt += count
            if time.monotonic() - self._shown_at > _SHOW_SECONDS:
                self._show()
        self._show()

    def _show(self) -> None:
        speed = self._progress.tasks[0].speed or 0.0
        figures = f"{speed:,.0f} {self.unit}/s  {self.tally.moving()}"
        self._progress.update(self._task, completed=self._asked.start + self.learnt, figures=figures)
        self._shown_at = time.monotonic()


async def stream_text(server: Server, asked: Asked, console: Console) -> bool:
    """Stream a file and print a line about it. False where a signal cut it short. Raises OSError and RealNetError."""
    waits = Waits(console)
    stream = AsyncStream(
        *(server, None),
        outputs=asked.outputs,
        own=True,
        patience=math.inf,
        on_wait=waits.tell,
        session=asked.session,
    )
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[figures]}"))
    progress = Progress(*columns, console=console, disable=not console.is_terminal)
    with closing(Source(asked.path, asked.start, asked.follow, console.print)) as source:
        if source.size is not None and asked.start > source.size:
            raise RealNetError(f"--from {asked.start}: {asked.path} has {source.size:,} bytes")
        sending = Sending(asked, stream, source, progress, waits)
        is_complete = True
        try:
            async with stream:
                if stream.net.mode == "paused":
                    waits.tell("the net is paused, and learns this once it is resumed")
                with progress:
                    await _both(sending, stream)
        except _Stopped:
            is_complete = False
        except RealNetError as error:
            if not sending.learnt:
                raise
            raise RealNetError(f"{error}; {sending.far}") from error
        print(sending.summary() if is_complete else f"stopped: {sending.summary()}; {sending.far}")
        return is_complete


async def _both(sending: Sending, stream: AsyncStream) -> None:
    """Send and receive until all is learnt. Raises _Stopped after a signal, when what was sent has come back."""
    send, receive = asyncio.create_task(sending.send()), asyncio.create_task(sending.receive())
    all_of_it = asyncio.gather(send, receive)
    stopped = asyncio.Event()
    stop = asyncio.create_task(stopped.wait())
    try:
        with on_a_signal(stopped.set):
            either: set[asyncio.Future[Any]] = {all_of_it, stop}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if all_of_it.done():
            all_of_it.result()
            return
        send.cancel()
        await stream.finish()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await receive
        raise _Stopped
    finally:
        for task in (send, receive, stop):
            task.cancel()
        await asyncio.gather(all_of_it, return_exceptions=True)
