"""The entries of another server's journal, on their way from the thread that reads them to the engine's."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from service.replica.entry import Entry
from service.replica.replica import Replica

_MOST_TICKS = 2**16  # that were read and not applied, and a block more


@dataclass(slots=True, frozen=True)
class Block:
    """Entries that were read at once, and the number of the last record, which may be none of an entry."""

    entries: list[Entry]
    last: int

    @property
    def ticks(self) -> int:
        return sum(entry.record.ticks for entry in self.entries)


@dataclass(slots=True, frozen=True)
class Anew:
    """A replica that is further, or right: the engine goes on as this one, which is at record `last`."""

    replica: Replica
    last: int


class Lag(NamedTuple):
    """What was read and not applied, and for how long the oldest of it has waited."""

    records: int = 0
    ticks: int = 0
    seconds: float = 0.0


class Feed:
    """Bounded, but while the net is paused: then nothing is applied, and a restore is looked for behind it."""

    def __init__(self, last: int, wake: Callable[[], None]) -> None:
        self.last = last  # the record that was read last
        self.is_paused = False  # the engine's
        self._wake = wake
        self._blocks: deque[Block | Anew] = deque()
        self._waiting: deque[tuple[Block, float]] = deque()  # what is not applied, and since when it waits
        self._applied = last
        self._ticks = 0
        self._changed = threading.Condition()
        self._closed = False

    # On the reading thread:

    def put(self, block: Block) -> None:
        """Hand entries to the engine, as soon as there is room."""
        with self._changed:
            self._changed.wait_for(lambda: self._ticks < _MOST_TICKS or self.is_paused or self._closed)
            self._blocks.append(block)
            self._waiting.append((block, time.monotonic()))
            self._ticks += block.ticks
            self.last = block.last
        self._wake()

    def begin_anew(self, anew: Anew) -> None:
        """Have the engine go on as another replica; what it has not applied yet is dropped."""
        with self._changed:
            self._blocks.clear()
            self._blocks.append(anew)
            self._waiting.clear()
            self._ticks = 0
            self.last = anew.last
        self._wake()

    def close(self) -> None:
        """Wait for room no longer: the server stops."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    # On the engine's thread:

    def take(self) -> list[Block | Anew]:
        with self._changed:
            taken = list(self._blocks)
            self._blocks.clear()
        return taken

    def applied(self, seq: int) -> None:
        """Note that all records up to this one were applied."""
        with self._changed:
            self._applied = seq
            while self._waiting and self._waiting[0][0].last <= seq:
                self._ticks -= self._waiting.popleft()[0].ticks
            self._changed.notify()

    # On any thread:

    @property
    def lag(self) -> Lag:
        with self._changed:
            if not self._waiting:
                return Lag()
            return Lag(self.last - self._applied, self._ticks, time.monotonic() - self._waiting[0][1])
