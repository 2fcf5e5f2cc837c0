"""All streams of a net: those that are used in memory, the others in the store. They live by the journal's entries."""

import asyncio
import contextlib
import logging
import zlib
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from service.errors import Conflict, NotFound, Overloaded, Refused
from service.journal.records import ObserveRecord, StreamRecord
from service.replica.entry import Entry
from service.store.base import Store, StoreError
from service.streams.applying import Outcome, apply
from service.streams.commands import ChangeStream, Observe
from service.streams.event_log import EventLog
from service.streams.queue import MOST_ROWS, EntryQueue
from service.streams.shelf import Shelf, StreamDamaged
from service.streams.stream import Stream, StreamInfo

_AGAIN_SECONDS = 0.5  # until a store in trouble is asked again
_DRAIN_SECONDS = 1.5  # at a shutdown, to tell of what was journalled
_logger = logging.getLogger(__name__)
T = TypeVar("T")


class Streams:
    """Applies what the journal has of streams, in its order, behind the net: on the loop, with a thread for the work.

    At most `most_bytes` of streams stay in memory; those that were used longest ago go to the store. Where another
    server writes that, they go once it has stored them.

    Attributes:
        events: of all streams.
    """

    def __init__(self, store: Store, name: str, *, most: int, most_bytes: int, writes: bool) -> None:
        self.events = EventLog(store, name)
        self._shelf = Shelf(store, name)
        self._most, self._most_bytes, self._writes = most, most_bytes, writes
        self._here: OrderedDict[str, Stream] = OrderedDict()  # the one used longest ago is first
        self._stored: dict[str, StreamInfo] = {}
        self._last: int | None = None  # record of the journal at the start
        self._forgotten: dict[str, int] = {}  # by which record
        self._damaged: dict[str, Refused] = {}
        self._awaited: Counter[str] = Counter()  # of each stream, the commands that are on their way
        self._awaited_rows = 0
        self._queue = EntryQueue()
        self._applying, self._saving = asyncio.Lock(), asyncio.Lock()  # who takes both takes `_saving` first
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="streams")
        self._task: asyncio.Task[None] | None = None

    async def open(self, last: int | None = None) -> None:
        """Begin with what is stored. Raises StoreError.

        `last` is the last record of the journal, unless another server writes that: what is stored may know of later
        ones, which were lost. It stays as it is, and their numbers are given again.
        """
        self._last = last
        if self._writes:
            await self._shelf.sweep()
        await self._reload()
        self._task = asyncio.create_task(self._run(), name="streams")

    async def begin_anew(self) -> Callable[[Entry], None]:
        """Give up what is in memory for what is stored, and return what takes entries from then on."""
        async with self._saving, self._applying:
            self._queue.begin_anew()
            self._here.clear()
            await self._reload()
        return self.taker

    async def lead(self) -> None:
        """Write to the store from now on. Raises StoreError."""
        await self._shelf.sweep()
        self._writes = True

    async def stop(self) -> None:
        """Tell of what was journalled, if that does not take long, and end. What is left is told at the next start."""
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await self._queue.reached()
        self._queue.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(self._worker.shutdown)

    @property
    def taker(self) -> Callable[[Entry], None]:
        """Return what takes the journal's entries, on the engine's thread, until the streams begin anew."""
        return self._queue.taker

    # What may be asked:

    @property
    def is_reading(self) -> bool:
        """Return whether rows in a journal that was read are still to be told of."""
        return self._queue.is_reading

    @property
    def nbytes(self) -> int:
        """Return about how many bytes the streams in memory take."""
        return sum(stream.nbytes for stream in list(self._here.values()))

    @property
    def is_behind(self) -> bool:
        """Return whether commands wait for what becomes of them."""
        return bool(self._awaited)

    @property
    def names(self) -> list[str]:
        return sorted(self._stored.keys() | self._here.keys())

    def info(self, name: str) -> StreamInfo:
        """Return what is known of a stream. Raises NotFound."""
        if (stream := self._here.get(name)) is not None:
            return stream.info
        if (info := self._stored.get(name)) is not None:
            return info
        raise NotFound("no stream has this name")

    async def last_rows_at(self, names: Iterable[str]) -> dict[str, float | None]:
        """Return when the last row of each stream was, if there is one, with all that was journalled until now."""
        await self._queue.reached()
        known = {name: self._here.get(name) or self._stored.get(name) for name in names}
        return {name: None if each is None else each.last_row_at for name, each in known.items()}

    def infos(self) -> list[StreamInfo]:
        """Return what is known of each stream, by name."""
        return [self.info(name) for name in self.names]

    async def read(self, name: str) -> Stream:
        """Return a stream that is not to be changed. Raises NotFound, StreamDamaged or StoreError."""
        self.info(name)
        if name in self._damaged:
            raise self._damaged[name]
        async with self._applying:
            stream = self._here.get(name) or await self._loaded(name)
        if stream is None:
            raise NotFound("no stream has this name")
        return stream

    def admit(self, command: Observe | ChangeStream) -> None:
        """Make room for a command, until its reply is there. Raises Overloaded, or Conflict for too many streams."""
        name, rows = command.stream, len(command.rows)
        if self._awaited_rows + rows > MOST_ROWS:
            raise Overloaded(f"{self._awaited_rows} rows wait, and {MOST_ROWS} may")
        known = (self._stored, self._here, self._awaited)
        if not any(name in names for names in known) and len(set().union(*known)) >= self._most:
            raise Conflict(f"there are {self._most} streams, and no more may be: delete one")
        self._awaited[name] += 1
        self._awaited_rows += rows
        command.reply.add_done_callback(lambda _: self._leave(name, rows))

    async def save(self) -> None:
        """Store what has changed by all that was taken until now. Raises StoreError."""
        await self._queue.reached()
        for name in list(self._here):
            async with self._saving:
                if (stream := self._here.get(name)) is not None and not self._is_stored(stream):
                    await self._store(stream)
        await self.events.save()

    # How they live:

    def _leave(self, name: str, rows: int) -> None:
        self._awaited_rows -= rows
        self._awaited[name] -= 1
        if not self._awaited[name]:
            del self._awaited[name]

    async def _reload(self) -> None:
        self._stored = {info.name: info for info in await self._shelf.infos()}
        await self.events.open()
        if self._last is not None:
            self.events.record = min(self.events.record, self._last)

    async def _run(self) -> None:
        while True:
            entries = await self._queue.next()
            async with self._applying:
                await self._apply(entries)
            await self._make_room()

    async def _apply(self, entries: list[Entry]) -> None:
        for name in {name_of(entry) for entry in entries}:
            await self._bring(name)
        streams = {name: self._here.get(name) or self._damaged.get(name) for name in map(name_of, entries)}
        outcomes = await asyncio.get_running_loop().run_in_executor(self._worker, apply, entries, streams)
        for name, stream in streams.items():
            if isinstance(stream, Stream):
                self._here[name] = stream
            elif stream is not None:
                self._damaged[name] = stream
                self._here.pop(name, None)
        for entry, outcome in zip(entries, outcomes, strict=True):
            self.events.add(entry.seq, outcome.events)
            if outcome.forgets:
                await self._forget(entry)
            _answer(entry, outcome)
        if self.events.is_full and self._writes:
            await _until_done(self.events.save)

    async def _bring(self, name: str) -> None:
        """Have a stream in memory, if there is one, as that used last; however long the store is in trouble."""
        if name in self._here:
            self._here.move_to_end(name)
        elif name not in self._damaged:
            try:
                stream = await _until_done(lambda: self._loaded(name))
            except StreamDamaged as error:
                _logger.error("a stream of %d signs: %s", len(name), error)
                self._damaged[name] = error
            else:
                if stream is not None:
                    self._here[name] = stream

    async def _loaded(self, name: str) -> Stream | None:
        """Return a stream as it is stored, None if it is not. Raises StreamDamaged and StoreError."""
        data = await self._shelf.load(name)
        if data is None:
            return None
        loop = asyncio.get_running_loop()
        try:
            stream = await loop.run_in_executor(self._worker, lambda: Stream.from_bytes(zlib.decompress(data)))
        except (ValueError, zlib.error) as error:
            raise StreamDamaged(name, f"it is of another version: {error}") from error
        if stream.record < self._forgotten.get(name, 0):
            return None
        if self._last is not None:
            stream.record = min(stream.record, self._last)
        return stream

    async def _forget(self, entry: Entry) -> None:
        name = name_of(entry)
        for known in (self._here, self._stored, self._damaged):
            known.pop(name, None)
        self._forgotten[name] = entry.seq
        if self._writes:
            await _until_done(self.events.save)
            await _until_done(lambda: self._shelf.delete(name))

    async def _make_room(self) -> None:
        """Let streams go that were used longest ago, as long as all take too much memory."""
        sizes = {name: stream.nbytes for name, stream in self._here.items()}
        left = sum(sizes.values())
        for name in list(sizes)[:-1]:
            if left <= self._most_bytes:
                return
            async with self._saving:
                try:
                    is_stored = await self._is_let_go(self._here[name])
                except StoreError as error:
                    _logger.error("streams stay in memory: %s", error)
                    return
                if is_stored:
                    del self._here[name]
                    left -= sizes[name]

    async def _is_let_go(self, stream: Stream) -> bool:
        """Have a stream stored, and return whether it is: where another server writes, not always yet."""
        if self._is_stored(stream):
            return True
        if self._writes:
            await self._store(stream)
            return True
        info = await self._shelf.info(stream.name)
        if info is None or info.record < stream.record:
            return False
        self._stored[stream.name] = info
        return True

    def _is_stored(self, stream: Stream) -> bool:
        stored = self._stored.get(stream.name)
        return stored is not None and stored.record == stream.record

    async def _store(self, stream: Stream) -> None:
        """Store a stream, and before it all events: what is behind it in the journal begins no event twice."""
        loop = asyncio.get_running_loop()
        async with self._applying:
            info, data = await loop.run_in_executor(self._worker, lambda: (stream.info, stream.to_bytes()))
        packed = await asyncio.to_thread(zlib.compress, data, 1)
        await self.events.save()
        await self._shelf.save(info, packed)
        self._stored[stream.name] = info


def name_of(entry: Entry) -> str:
    assert isinstance(entry.record, ObserveRecord | StreamRecord)
    return entry.record.stream


def _answer(entry: Entry, outcome: Outcome) -> None:
    if not isinstance(entry.waiter, Observe | ChangeStream) or entry.waiter.reply.done():
        return
    if outcome.error is not None:
        entry.waiter.reply.set_exception(outcome.error)
        entry.waiter.reply.exception()  # a client may have left
    else:
        entry.waiter.reply.set_result(outcome.observed)  # type: ignore[arg-type]  # None of a change


async def _until_done(work: Callable[[], Awaitable[T]]) -> T:
    """Do what needs the store, however long that is in trouble."""
    while True:
        try:
            return await work()
        except StoreError as error:
            _logger.error("the streams wait: %s", error)
            await asyncio.sleep(_AGAIN_SECONDS)
