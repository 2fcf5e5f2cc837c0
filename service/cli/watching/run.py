"""Watch several streams at once, and keep what they have become."""

import asyncio
import socket
import time
from contextlib import AsyncExitStack, closing
from pathlib import Path

import typer
from rich.console import Console

from realnet.checkpoint import Checkpoint
from realnet.client import AsyncClient, RealNetError
from service.cli.signals import on_a_signal
from service.cli.watching import detectors, picture
from service.cli.watching.judges import Judge, OwnJudge
from service.cli.watching.served import ServerJudge
from service.cli.watching.state import Kept, State
from service.cli.watching.telling import Teller
from service.cli.watching.watched import Asked, Enough, Watched

_SAVE_SECONDS = 60.0
_DONE, _EVENT, _STOPPED = 0, 3, 130  # exit statuses


async def watch(asked: Asked, teller: Teller, console: Console) -> int:
    """Watch until all has been read, a signal comes, or the event that is waited for; return the exit status.

    Raises BadParameter for what was asked wrongly, RealNetError and OSError; the state is then as it was saved last.
    """
    began = time.monotonic()
    if asked.picture is not None:
        picture.check(asked.picture)
    async with AsyncExitStack() as stack:
        client = None
        if asked.server is not None:
            client = AsyncClient(asked.server.url, asked.server.key, net=asked.server.net, patience=0.0)
            await stack.enter_async_context(client)
        watching = _Watching(asked, teller, console, stack, client)
        status = await watching.run()
    seconds = time.monotonic() - began
    for each in watching.streams:
        console.print(f"{f'{each.name}: ' if len(asked.files) > 1 else ''}{each.summary(seconds)}")
        if each.seen is not None and each.seen.rows and asked.picture is not None:
            picture.draw(each.seen, each.name, asked.kind == "values", asked.picture)
            console.print(f"{asked.picture} shows it")
    return status


class _Watching:
    """All streams, and the file in which they are kept; `stack` closes what is open."""

    def __init__(
        self, asked: Asked, teller: Teller, console: Console, stack: AsyncExitStack, client: AsyncClient | None
    ) -> None:
        self._asked, self._path, self._console, self._client = asked, asked.state, console, client
        self._state = State(asked.kind) if self._path is None else State.load(self._path, asked.kind)
        self._kind = detectors.kind_of(asked.kind)
        self.streams: list[Watched] = []
        for name in asked.files:
            kept = self._state.streams.get(_key(name))
            stream = Watched(name, asked, self._judge(name, kept), teller, console.print)
            stack.enter_context(closing(stream))
            if kept is not None:
                stream.resume(kept)
            if client is not None:
                stream.before_sending = self._save  # so that what is sent is known after a kill
            self.streams.append(stream)

    def _judge(self, name: str, kept: Kept | None) -> Judge:
        asked, stream = self._asked, self._stream(name)
        try:
            if kept is not None and kept.stream != stream:
                there = "in a file" if kept.stream is None else f"of the server's stream {kept.stream}"
                raise ValueError(f"what was learnt of {name} is {there}")
            if self._client is None or stream is None:
                checkpoint = None if kept is None else Checkpoint.from_bytes(kept.checkpoint)
                return OwnJudge(self._kind.detector(asked.options, checkpoint), self._kind, self._console.print)
        except ValueError as error:
            where = "" if kept is None else f"{self._path}: "
            raise typer.BadParameter(f"{where}{error}") from error
        chosen, at_first = detectors.options_there(asked.kind, asked.options)
        return ServerJudge(
            self._client,
            stream,
            asked.kind,
            chosen,
            at_first,
            self._console.print,
            len(asked.files),
        )

    def _stream(self, name: str) -> str | None:
        """Return the name of a file's stream in the server, where there is one."""
        if self._client is None:
            return None
        return self._asked.stream or f"{socket.gethostname()}:{Path(name).absolute()}"

    async def run(self) -> int:
        """Watch and save; return the exit status."""
        saving = asyncio.create_task(self._save_at_times())
        tasks = [asyncio.create_task(each.watch()) for each in self.streams]
        work = asyncio.gather(*tasks)
        try:
            with on_a_signal(work.cancel):
                await work
            status = _DONE
        except Enough:
            status = _EVENT
        except asyncio.CancelledError:
            status = _STOPPED
        finally:
            for task in (saving, *tasks):
                task.cancel()
            await asyncio.gather(saving, *tasks, return_exceptions=True)
        self._save()
        return status

    async def _save_at_times(self) -> None:
        came = 0
        while True:
            await asyncio.sleep(_SAVE_SECONDS)
            came, before = sum(each.rows + each.bad for each in self.streams), came
            if came == before:
                continue
            try:
                self._save()
            except RealNetError as error:  # it may be better the next time
                self._console.print(str(error))

    def _save(self) -> None:
        if self._path is not None:
            self._state.streams.update((_key(each.name), each.kept(self._stream(each.name))) for each in self.streams)
            self._state.save(self._path)


def _key(name: str) -> str:
    """Return what a stream is kept under."""
    return name if name == "-" else str(Path(name).absolute())
