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
from contextlib import ExitStack, suppress
from typing import BinaryIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from service.client import ClientError, Message, Server, StreamClient, open_stream, problem_line

MOVING = 2000  # tokens that the moving figures are about
SHOW_SECONDS = 0.1
LAST_SECONDS = 5.0  # how long the outputs are waited for at the end, and after Ctrl-C the acks too


class Tally:
    """How well the stream was predicted, each token before it was learnt."""

    def __init__(self) -> None:
        self.tokens = 0
        self.tick = 0
        self.dropped = 0
        self._hits = 0
        self._bits = 0.0
        self._recent: deque[tuple[bool, float]] = deque(maxlen=MOVING)

    def add(self, outputs: list[Message]) -> None:
        for output in outputs:
            hit = output["predicted"] == output["token"]
            self._hits += hit
            self._bits += output["surprise"]
            self._recent.append((hit, output["surprise"]))
        self.tokens += len(outputs)
        self.tick = outputs[-1]["tick"]

    def moving(self) -> str:
        if not self._recent:
            return ""
        hits, bits = zip(*self._recent, strict=True)
        return f"accuracy {sum(hits) / len(hits):.3f}, surprise {sum(bits) / len(bits):.2f} bits"

    def summary(self) -> str:
        whole = f"accuracy {self._hits / self.tokens:.3f}, surprise {self._bits / self.tokens:.2f} bits"
        return f"{whole} (over the last {len(self._recent):,}: {self.moving()})"


class Stream:
    """One file on its way to the server."""

    def __init__(self, client: StreamClient, progress: Progress, size: int | None) -> None:
        self.learnt = 0
        self.tally = Tally()
        self._client = client
        self._sent: deque[int] = deque()  # tokens in each message that isn't acknowledged yet; acks come in order
        self._acked_tick = 0
        self._progress = progress
        self._task = progress.add_task("", total=size, figures="")
        self._moved = asyncio.Event()
        self._shown_at = 0.0

    async def send(self, file: BinaryIO, batch: int) -> None:
        """Send all of `file` and wait until it is learnt."""
        decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        async for block in _blocks(file, batch):
            if text := decode(block):
                await self._send(text)
        if text := decode(b"", final=True):
            await self._send(text)
        await self.settle()

    async def _send(self, text: str) -> None:
        self._sent.append(len(text.encode()))
        await self._client.send_input(text=text)

    async def receive(self) -> None:
        """Keep count of what comes back, until cancelled."""
        async for message in self._client:
            match message["type"]:
                case "outputs":
                    self.tally.add(message["outputs"])
                case "ack":
                    self.learnt += self._sent.popleft()
                    self._acked_tick = message["tick"]
                case "event" if message["name"] == "dropped":
                    self.tally.dropped += message["count"]
                case "error":
                    raise ClientError(problem_line(message["problem"]))
            if time.monotonic() - self._shown_at > SHOW_SECONDS:
                self._show()
            self._moved.set()

    async def settle(self) -> None:
        """Wait for the acks of all that was sent, and a little for the outputs, which follow within milliseconds."""
        while self._client.unacked:
            await self._next()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                while self.tally.tick < self._acked_tick:
                    await self._next()
        self._show()

    def _show(self) -> None:
        speed = self._progress.tasks[0].speed or 0.0
        figures = f"{speed:,.0f} tokens/s  {self.tally.moving()}"
        self._progress.update(self._task, completed=self.learnt, figures=figures)
        self._shown_at = time.monotonic()

    async def _next(self) -> None:
        self._moved.clear()
        await self._moved.wait()


async def stream_text(server: Server, path: str, batch: int, console: Console) -> bool:
    """Stream the file at `path` (`-` is standard input) and print a line about it. False where Ctrl-C cut it short."""
    with ExitStack() as stack:
        file = sys.stdin.buffer if path == "-" else stack.enter_context(_open(path))
        mode = os.fstat(file.fileno())
        columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[figures]}"))
        progress = Progress(*columns, console=console, disable=not console.is_terminal)
        async with open_stream(server) as client:
            stream = Stream(client, stack.enter_context(progress), mode.st_size if stat.S_ISREG(mode.st_mode) else None)
            began = time.monotonic()
            complete = await _send_all(stream, file, batch)
            seconds = time.monotonic() - began
    line = f"{stream.learnt:,} tokens learnt in {seconds:,.1f} s ({stream.learnt / seconds:,.0f} a second)"
    if stream.tally.tokens:
        line += f"; {stream.tally.summary()}"
    if stream.tally.dropped:
        line += f"; {stream.tally.dropped:,} outputs came too fast to be counted"
    print(line if complete else f"stopped: {line}")
    return complete


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
            with suppress(asyncio.CancelledError, ClientError):
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
        raise ClientError(f"{path}: {error.strerror}") from None
