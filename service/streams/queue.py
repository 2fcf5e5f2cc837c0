"""The entries about streams, on their way from the engine's thread to the loop."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from service.errors import EngineStopped
from service.journal.records import ObserveRecord, StreamRecord
from service.replica.entry import Entry
from service.streams.commands import ChangeStream, Observe

MOST_ROWS = 65_536  # that wait, of clients and also of a journal
_SLICE_ROWS = 2048  # that are told in one go


class EntryQueue:
    """First in, first out. A journal that is read waits for room; what clients want has been admitted."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._entries: deque[Entry | asyncio.Future[None]] = deque()
        self._rows = 0
        self._read = self._read_last = 0  # entries that no client waits for: of all here, and of those taken last
        self._life = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._arrived = asyncio.Event()

    @property
    def taker(self) -> Callable[[Entry], None]:
        """Return what takes entries, on the engine's thread, until the queue begins anew."""
        life = self._life
        return lambda entry: self._take(entry, life)

    @property
    def is_reading(self) -> bool:
        """Return whether entries of a journal that was read are still to be applied."""
        return self._read > 0

    async def next(self) -> list[Entry]:
        """Return the entries that are to be applied in one go, as soon as there are some; those before have been."""
        while True:
            with self._changed:
                self._read, self._read_last = self._read - self._read_last, 0
                if taken := self._next():
                    return taken
                self._arrived.clear()
            await self._arrived.wait()

    async def reached(self) -> None:
        """Wait until all that was taken until now has been applied, and more is asked for."""
        reached = self._loop.create_future()
        with self._changed:
            if self._is_closed:
                return
            self._entries.append(reached)
        self._arrived.set()
        await reached

    def begin_anew(self) -> None:
        """Drop everything, and what older takers still bring."""
        with self._changed:
            self._life += 1
            self._drop()

    def close(self) -> None:
        """Drop everything, and take nothing more."""
        with self._changed:
            self._is_closed = True
            self._drop()

    def _take(self, entry: Entry, life: int) -> None:
        with self._changed:
            if entry.waiter is None:
                self._changed.wait_for(lambda: self._rows < MOST_ROWS or self._is_closed or life != self._life)
            if not self._is_closed and life == self._life:
                self._entries.append(entry)
                self._rows += rows_of(entry)
                self._read += entry.waiter is None
                self._loop.call_soon_threadsafe(self._arrived.set)
            elif entry.waiter is not None:
                self._loop.call_soon_threadsafe(_refuse, entry)

    def _next(self) -> list[Entry]:
        taken: list[Entry] = []
        rows = 0
        while self._entries and rows < _SLICE_ROWS:
            entry = self._entries[0]
            if isinstance(entry, asyncio.Future):
                if taken:
                    break
                if not entry.done():
                    entry.set_result(None)
                self._entries.popleft()
                continue
            self._entries.popleft()
            taken.append(entry)
            rows += rows_of(entry)
            if isinstance(entry.record, StreamRecord):
                break
        self._rows -= rows
        self._read_last = sum(entry.waiter is None for entry in taken)
        self._changed.notify()
        return taken

    def _drop(self) -> None:
        for entry in self._entries:
            if isinstance(entry, Entry):
                _refuse(entry)
            elif not entry.done():
                entry.set_result(None)
        self._entries.clear()
        self._rows, self._read = 0, self._read_last
        self._changed.notify()


def rows_of(entry: Entry) -> int:
    return len(entry.record.rows) if isinstance(entry.record, ObserveRecord) else 0


def _refuse(entry: Entry) -> None:
    if isinstance(entry.waiter, Observe | ChangeStream) and not entry.waiter.reply.done():
        entry.waiter.reply.set_exception(EngineStopped("the server stops"))
        entry.waiter.reply.exception()  # a client may have left
