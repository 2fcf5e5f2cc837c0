"""What `realnet stream` does: send a file in small messages, and show how well the net predicts it while it learns."""

import asyncio
import codecs
import os
import signal
import stat
import sys
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from itertools import islice
from statistics import fmean
from typing import BinaryIO

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from realnet.client import (
    PASSING,
    TRY_AGAIN_SECONDS,
    Message,
    Problem,
    RealNetError,
    Server,
    StreamClient,
    error_of,
    open_stream,
)

BLOCK = 4096  # bytes read and sent at once, if a message has fewer
MOVING = 2000  # tokens that the moving figures are about
SHOW_SECONDS = 0.1
LAST_SECONDS = 5.0  # how long the outputs are waited for at the end, and after Ctrl-C the acks too


class Tally:
    """How well the stream was predicted, each token before it was learnt."""

    def __init__(self) -> None:
        self.tokens = 0
        self.tick = 0
        self.dropped = 0
        self._judged = 0  # tokens whose likeliest was computed, too
        self._hits = 0
        self._bits = 0.0
        self._recent_hits, self._recent_bits = deque[bool](maxlen=MOVING), deque[float](maxlen=MOVING)

    def add(self, outputs: Message) -> None:
        if outputs.get("predicted") is not None:
            hits = outputs["predicted"] == outputs["token"]
            self._judged += len(hits)
            self._hits += int(hits.sum())
            self._recent_hits.extend(hits[-MOVING:].tolist())
        self._bits += float(outputs["surprise"].sum(dtype="float64"))
        self._recent_bits.extend(outputs["surprise"][-MOVING:].tolist())
        self.tokens += outputs["count"]
        self.tick = int(outputs["tick"][-1])

    def moving(self) -> str:
        if not self.tokens:
            return ""
        return _figures(fmean(self._recent_hits) if self._judged else None, fmean(self._recent_bits))

    def summary(self) -> str:
        whole = _figures(self._hits / self._judged if self._judged else None, self._bits / self.tokens)
        return f"{whole} (over the last {len(self._recent_bits):,}: {self.moving()})"


def _figures(accuracy: float | None, surprise: float) -> str:
    shown = f"surprise {surprise:.2f} bits"
    return shown if accuracy is None else f"accuracy {accuracy:.3f}, {shown}"


class Stream:
    """One file on its way to the server.

    A message that cannot be made durable is refused, and so are all after it: they are sent again until they can.
    """

    def __init__(self, client: StreamClient, progress: Progress, size: int | None, hears: bool = True) -> None:
        self.learnt = 0
        self.tally = Tally()
        self._client = client
        self._hears = hears  # outputs
        self._has_words = client.hello["net"]["vocabulary"] != "bytes"  # a word is not to be cut in two
        self._texts: deque[str] = deque()  # of the messages that aren't acknowledged yet; acks come in order
        self._acked = client.last_seq
        self._acked_tick = 0
        self._refused: tuple[int, str] | None = None  # the first seq that was, and why
        self._said_of = 0
        self._progress = progress
        self._task = progress.add_task("", total=size, figures="")
        self._moved = asyncio.Event()
        self._shown_at = 0.0

    async def send(self, file: BinaryIO, batch: int) -> None:
        """Send all of `file` and wait until it is learnt."""
        decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        left = ""
        async for block in _blocks(file, max(batch, BLOCK)):
            texts = []
            for start in range(0, len(block), batch):
                text = left + decode(block[start : start + batch])
                end = text.rfind(" ", 1) if self._has_words else -1
                end = len(text) if end < 0 else end
                texts.append(text[:end])
                left = text[end:]
            await self._send([text for text in texts if text])
        if text := left + decode(b"", final=True):
            await self._send([text])
        await self.settle()

    @property
    def unit(self) -> str:
        """Return what `learnt` counts: bytes, which are tokens where the vocabulary is that of bytes."""
        return "bytes" if self._has_words else "tokens"

    async def _send(self, texts: list[str]) -> None:
        self._texts.extend(texts)
        while self._sent < len(self._texts):
            await self._go_on()

    @property
    def _sent(self) -> int:
        """How many of the texts are on their way, or have been refused."""
        return self._client.last_seq - self._acked

    async def _go_on(self) -> None:
        """Send the next texts, or wait for what comes."""
        if self._refused is None and self._sent < len(self._texts):
            await self._client.send_inputs([{"text": text} for text in islice(self._texts, self._sent, None)])
        elif self._refused is not None and not self._client.unacked:
            seq, why = self._refused
            if seq != self._said_of:
                _say_waiting(self._progress.console, why)
                self._said_of = seq
            await asyncio.sleep(TRY_AGAIN_SECONDS)
            self._client.last_seq, self._refused = self._acked, None
        else:
            await self._next()

    async def receive(self) -> None:
        """Keep count of what comes back, until cancelled."""
        async for message in self._client:
            match message["type"]:
                case "outputs":
                    self.tally.add(message)
                case "ack":
                    for _ in range(message["seq"] - self._acked):
                        self.learnt += len(self._texts.popleft().encode())
                    self._acked, self._acked_tick = message["seq"], message["tick"]
                case "event" if message["name"] == "dropped":
                    self.tally.dropped += message["count"]
                case "error":
                    error = error_of(msgspec.convert(message["problem"], Problem))
                    if not isinstance(error, PASSING):
                        raise error
                    refused = message["ref"], str(error)
                    self._refused = min(self._refused or refused, refused)
            if time.monotonic() - self._shown_at > SHOW_SECONDS:
                self._show()
            self._moved.set()

    async def settle(self) -> None:
        """Wait for the acks of all that was sent, and a little for the outputs, which follow within milliseconds."""
        while self._texts:
            await self._go_on()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                while self._hears and self.tally.tick < self._acked_tick:
                    await self._next()
        self._show()

    def _show(self) -> None:
        speed = self._progress.tasks[0].speed or 0.0
        figures = f"{speed:,.0f} {self.unit}/s  {self.tally.moving()}"
        self._progress.update(self._task, completed=self.learnt, figures=figures)
        self._shown_at = time.monotonic()

    async def _next(self) -> None:
        self._moved.clear()
        await self._moved.wait()


async def stream_text(server: Server, path: str, batch: int, outputs: str, console: Console) -> bool:
    """Stream the file at `path` (`-` is standard input) and print a line about it. False where Ctrl-C cut it short.

    `outputs` is what the server tells of them, from which the figures are made.
    """
    with ExitStack() as stack:
        file = sys.stdin.buffer if path == "-" else stack.enter_context(_open(path))
        mode = os.fstat(file.fileno())
        columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[figures]}"))
        progress = Progress(*columns, console=console, disable=not console.is_terminal)
        async with _connected(server, outputs, console) as client:
            size = mode.st_size if stat.S_ISREG(mode.st_mode) else None
            stream = Stream(client, stack.enter_context(progress), size, hears=outputs != "none")
            began = time.monotonic()
            complete = await _send_all(stream, file, batch)
            seconds = time.monotonic() - began
    line = f"{stream.learnt:,} {stream.unit} learnt in {seconds:,.1f} s ({stream.learnt / seconds:,.0f} a second)"
    if stream.tally.tokens:
        line += f"; {stream.tally.summary()}"
    if stream.tally.dropped:
        line += f"; {stream.tally.dropped:,} outputs came too fast to be counted"
    print(line if complete else f"stopped: {line}")
    return complete


@asynccontextmanager
async def _connected(server: Server, outputs: str, console: Console) -> AsyncIterator[StreamClient]:
    """Connect, and wait while the server reads its journal."""
    async with AsyncExitStack() as stack:
        told = False
        while True:
            try:
                client = await stack.enter_async_context(open_stream(server, outputs=outputs))
                break
            except RealNetError as error:
                if not isinstance(error, PASSING):
                    raise
                if not told:
                    _say_waiting(console, str(error))
            told = True
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        if client.hello["net"]["mode"] == "paused":
            _say_waiting(console, "the net is paused, and learns this once it is resumed")
        yield client


def _say_waiting(console: Console, why: str) -> None:
    console.print(f"waiting: {why}", markup=False)


async def _send_all(stream: Stream, file: BinaryIO, batch: int) -> bool:
    """Send all of `file`, or what there is of it until Ctrl-C, and wait for what comes back; whether it was all."""
    sending = asyncio.create_task(stream.send(file, batch))
    receiving = asyncio.create_task(stream.receive())
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # on Windows, where Ctrl-C ends it without a summary
        loop.add_signal_handler(signal.SIGINT, sending.cancel)
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
        if receiving.done():
            receiving.result()
        if not sending.cancelled():
            sending.result()
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await stream.settle()
        return False
    finally:
        with suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)  # another Ctrl-C ends it at once
        for task in (sending, receiving):
            task.cancel()
            with suppress(asyncio.CancelledError, RealNetError):
                await task


async def _blocks(file: BinaryIO, size: int) -> AsyncIterator[bytes]:
    mode = os.fstat(file.fileno()).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or file.isatty()):
        while block := file.read(size):
            yield block
        return
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), file
    )
    try:
        while block := await reader.read(size):
            yield block
    finally:
        transport.close()


def _open(path: str) -> BinaryIO:
    try:
        return open(path, "rb")  # noqa: PTH123
    except OSError as error:
        raise RealNetError(f"{path}: {error.strerror}") from None
