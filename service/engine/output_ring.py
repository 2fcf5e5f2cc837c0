"""The ring of the last outputs: written by the engine's thread, read by any number of subscribers on the loop."""

import asyncio
import threading
import time
from dataclasses import fields
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet import TokenOutputs
from realnet.outputs import OutputBatch

_RING_BYTES = 64 * 2**20  # wide frames are kept for fewer ticks
_FORGOTTEN = 8  # the oldest are forgotten an eighth at once: who falls behind loses many, and then none for a while
_TURN = 32  # subscribers that are woken at once
_SHARE = 0.2  # of the loop's time is theirs, the rest is for what may not be lost, and for the engine


class OutputRing:
    """Every output ever published has a position: 0, 1, 2 …; at least the last `kept` of them can be read.

    A subscriber is nothing but a position, so one that is slow costs nothing and is told what it lost. Subscribers are
    woken in turn. Where they are so many that the loop has no time to send everything to all of them, each is woken
    less often, and all are slow.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._step = 1
        self._start = self._end = 0
        self._columns: dict[str, NDArray[Any]] = {}  # made for the first batch
        self._type: type[OutputBatch] = TokenOutputs
        self._lock = threading.Lock()
        self._waiting: dict[asyncio.Future[None], int] = {}  # the loop's: for which position; the longest first
        self._is_turning = False  # some have been woken, or the loop rests from them
        self.lost = 0  # by all subscribers together

    @property
    def start(self) -> int:
        """Return the position of the oldest output that can be read."""
        return self._start

    @property
    def end(self) -> int:
        """Return the position of the next output to come."""
        return self._end

    # On the engine's thread:

    def append(self, batch: OutputBatch) -> None:
        columns = {each.name: getattr(batch, each.name) for each in fields(batch)}
        with self._lock:
            if not self._columns:
                self._make(batch, columns)
            new = min(len(batch), self._kept)  # the last of them
            where = np.arange(self._end + len(batch) - new, self._end + len(batch)) % self._kept
            for name, column in columns.items():
                self._columns[name][where] = column[len(batch) - new :]
            self._end += len(batch)
            too_old = max(0, self._end - self._kept)
            self._start = max(self._start, -(-too_old // self._step) * self._step)

    def clear(self) -> None:
        """Forget all outputs, since ticks go back. Positions go on."""
        with self._lock:
            self._start = self._end
            self._columns = {}

    # On the event loop:

    def read(self, position: int, limit: int) -> tuple[OutputBatch | None, int, int]:
        """Return at most `limit` outputs from `position` on, where to go on, and how many were lost before.

        There is no batch where there are no outputs.
        """
        with self._lock:
            first = max(position, self._start)
            last = max(first, min(first + limit, self._end))
            batch = self._copy(first, last) if last > first else None
        lost = first - position
        self.lost += lost
        return batch, last, lost

    def position_after(self, tick: int) -> int:
        """Return the position of the first output after `tick` that can be read."""
        with self._lock:
            low, high = self._start, self._end
            while low < high:  # ticks rise with positions
                middle = (low + high) // 2
                if self._columns["tick"][middle % self._kept] <= tick:
                    low = middle + 1
                else:
                    high = middle
        return low

    @property
    def oldest_tick(self) -> int | None:
        with self._lock:
            return int(self._columns["tick"][self._start % self._kept]) if self._end > self._start else None

    async def wait(self, position: int) -> None:
        """Wait until there is an output at `position`, and it is this subscriber's turn."""
        woken = asyncio.get_running_loop().create_future()
        self._waiting[woken] = position
        if self._end > position:
            self.notify()
        try:
            await woken
        finally:
            del self._waiting[woken]

    def notify(self) -> None:
        """Wake the subscribers that wait, in turn; called when there is more."""
        if not self._is_turning:
            self._turn()

    def _turn(self) -> None:
        due = (each for each, position in self._waiting.items() if position < self._end and not each.done())
        woken = list(islice(due, _TURN))
        for each in woken:
            each.set_result(None)
        self._is_turning = bool(woken)
        if woken:
            asyncio.get_running_loop().call_soon(self._rest, time.thread_time())

    def _rest(self, began: float) -> None:
        """Rest, so that subscribers have no more than their share of the loop, then wake the next."""
        took = time.thread_time() - began
        asyncio.get_running_loop().call_later(took / _SHARE - took, self._turn)

    def _make(self, batch: OutputBatch, columns: dict[str, NDArray[Any]]) -> None:
        if self._end == 0:  # once and for all: positions are places
            row = sum(column.nbytes for column in columns.values()) // len(batch)
            kept = max(1, min(self._kept, _RING_BYTES // row))
            self._step = max(1, kept // _FORGOTTEN)
            self._kept = kept + self._step - 1
        self._type = type(batch)
        self._columns = {n: np.empty((self._kept, *c.shape[1:]), c.dtype) for n, c in columns.items()}

    def _copy(self, first: int, last: int) -> OutputBatch:
        where = np.arange(first, last) % self._kept
        return self._type(**{name: column[where] for name, column in self._columns.items()})
