"""The ring of the last outputs: written by the engine's thread, read by any number of subscribers on the loop."""

import asyncio
import math
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet import FrameOutputs, TokenOutputs
from realnet.interface import Interface
from realnet.outputs import LEVELS, Column, Level, OutputBatch, includes
from service.engine.turns import Turns
from service.engine.wanted import Wanted

_FIRST_ROWS = 2**10
_RING_BYTES = 64 * 2**20  # wide frames are kept for fewer ticks
_FORGOTTEN = 8  # the oldest are forgotten an eighth at once: who falls behind loses many, and then none for a while
_TURN = 32  # subscribers that are woken at once
_SHARE = 0.2  # of the loop's time is theirs, the rest is for what may not be lost, and for the engine


class Reading(NamedTuple):
    """Some outputs, or none; where to go on, how many were lost before, and the session that they are of, if any."""

    batch: OutputBatch | None
    position: int
    lost: int
    session: str | None


class OutputRing:
    """Every output ever published has a position: 0, 1, 2 …; at least the last `kept` of them can be read.

    A subscriber is nothing but a position, so one that is slow costs nothing and is told what it lost. Subscribers are
    woken in turn. Where they are so many that the loop has no time to send everything to all of them, each is woken
    less often, and all are slow.

    Outputs are kept in columns of the types in which they are sent; memory is taken only of those that are computed,
    and doubled as they come: of many nets most have said little.

    Attributes:
        wanted: which outputs anybody asks for.
        lost: by all subscribers together.
    """

    def __init__(self, kept: int, interface: Interface) -> None:
        self.wanted = Wanted()
        self.lost = 0
        self._columns = [each for each in interface.columns if each.name != "probability"]  # 2 ** -surprise
        self._type: type[OutputBatch] = FrameOutputs if interface.vocabulary is None else TokenOutputs
        types = {each.name: _type_sent(each, interface) for each in self._columns}
        self._blank = {
            each.name: np.empty((0,) if each.width is None else (0, each.width), types[each.name])
            for each in self._columns
        }
        self._row_bytes: int = sum(math.prod(each.shape[1:]) * each.itemsize for each in self._blank.values())
        kept = max(1, min(kept, _RING_BYTES // self._row_bytes))
        self._step = max(1, kept // _FORGOTTEN)
        self._most = kept + self._step - 1
        self._size = min(_FIRST_ROWS, self._most)
        self._rows: dict[str, NDArray[Any]] = {}
        self._of_level = {
            level: [each.name for each in self._columns if includes(level, each.level)] for level in LEVELS
        }
        self._levels = np.zeros(self._size, np.uint8)  # what of each output was computed, as a place in LEVELS
        self._start = self._end = 0
        self._turns = Turns()  # of sessions
        self._lock = threading.Lock()
        self._waiting: dict[asyncio.Future[None], int] = {}  # the loop's: for which position; the longest first
        self._is_turning = False  # some have been woken, or the loop rests from them

    @property
    def start(self) -> int:
        """Return the position of the oldest output that can be read."""
        return self._start

    @property
    def end(self) -> int:
        """Return the position of the next output to come."""
        return self._end

    @property
    def nbytes(self) -> int:
        """Return how many bytes the outputs take, if all of each was computed."""
        return min(self._end, self._most) * self._row_bytes

    # On the engine's thread:

    def append(self, batch: OutputBatch, sessions: Iterable[tuple[str | None, int]] = ()) -> None:
        """Publish outputs, whichever of their columns there are; perhaps with the session of so many of them each."""
        level = self._level_of(batch)
        with self._lock:
            self._turns.add(self._end, sessions)
            self._make_room(self._end + len(batch), level)
            skipped = max(0, len(batch) - self._size)
            first, last = self._end + skipped, self._end + len(batch)
            for place, part in self._places(first, last):
                rows = slice(part.start - self._end, part.stop - self._end)
                self._levels[place] = LEVELS.index(level)
                for name in self._of_level[level]:
                    self._rows[name][place] = getattr(batch, name)[rows]
            self._end = last
            too_old = max(0, self._end - self._size)
            self._start = max(self._start, -(-too_old // self._step) * self._step)
            self._turns.forget_before(self._start)

    def clear(self) -> None:
        """Forget all outputs, since ticks go back. Positions go on."""
        with self._lock:
            self._start = self._end

    # On the event loop:

    def read(self, position: int, limit: int) -> Reading:
        """Read outputs from `position` on: at most `limit`, at least one if there is any.

        All are of one session, or none, and of all of them the same was computed.
        """
        with self._lock:
            first = max(position, self._start)
            session, end = self._turns.at(first)
            last = min(first + limit, self._end, end)
            place, part = next(self._places(first, last), (slice(0), slice(first, first)))
            levels = self._levels[place]
            others = np.flatnonzero(levels != levels[:1])
            count = int(others[0]) if len(others) else len(levels)
            batch = self._copy(place.start, count) if count else None
        lost = first - position
        self.lost += lost
        return Reading(batch, part.start + count, lost, session)

    def next_of(self, session: str, position: int) -> int:
        """Return the position of the next output of a session, from `position` on; of the next to come if none is."""
        with self._lock:
            return min(self._end, self._turns.next_of(session, max(position, self._start)))

    def position_after(self, tick: int) -> int:
        """Return the position of the first output after `tick` that can be read."""
        with self._lock:
            low, high = self._start, self._end
            while low < high:  # ticks rise with positions
                middle = (low + high) // 2
                if self._rows["tick"][middle % self._size] <= tick:
                    low = middle + 1
                else:
                    high = middle
        return low

    @property
    def oldest_tick(self) -> int | None:
        with self._lock:
            return int(self._rows["tick"][self._start % self._size]) if self._end > self._start else None

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

    # With the lock:

    def _make_room(self, end: int, level: Level) -> None:
        """Have a place for each position before `end`, as many as may be, and the columns of a level."""
        before = self._size
        while self._size < min(end, self._most):
            self._size = min(2 * self._size, self._most)
        if self._size > before:  # nothing has been overwritten yet, so that all stays in its place
            self._levels = _longer(self._levels, self._size)
            self._rows = {name: _longer(rows, self._size) for name, rows in self._rows.items()}
        for name in self._of_level[level]:
            if name not in self._rows:
                self._rows[name] = _longer(self._blank[name], self._size)

    def _places(self, first: int, last: int) -> Iterator[tuple[slice, slice]]:
        """Yield where in the columns the positions `first` to `last` are, in one or two parts, and which those are."""
        while first < last:
            begin = first % self._size
            end = min(begin + last - first, self._size)
            yield slice(begin, end), slice(first, first + end - begin)
            first += end - begin

    def _copy(self, begin: int, count: int) -> OutputBatch:
        level = LEVELS[self._levels[begin]]
        there = self._of_level[level]
        return self._type(**{name: self._rows[name][begin : begin + count].copy() for name in there})

    def _level_of(self, batch: OutputBatch) -> Level:
        there = (all(getattr(batch, name) is not None for name in names) for names in self._of_level.values())
        return LEVELS[sum(there) - 1]  # each level has what those before it have


def _longer(rows: NDArray[Any], size: int) -> NDArray[Any]:
    """Return as many rows as `size` says, of which these are the first."""
    longer = np.empty((size, *rows.shape[1:]), rows.dtype)
    longer[: len(rows)] = rows
    return longer


def _type_sent(column: Column, interface: Interface) -> np.dtype[Any]:
    """Return the type of a column as it is kept and sent: little-endian, and tokens as small as the vocabulary lets."""
    if interface.vocabulary is not None and column.dtype is np.int32:
        return np.dtype(np.uint8 if interface.vocabulary.size <= 2**8 else np.uint16)
    return np.dtype(column.dtype).newbyteorder("<")
