"""Much that goes on at once, on a few threads: each strand is run by one of them at a time, and all in turn."""

import asyncio
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from enum import Enum, auto
from heapq import heappop, heappush
from math import ceil, inf
from typing import NamedTuple, TypeAlias

# Does a little, and returns after how many seconds it is to be called again if nobody wakes it: `inf` is never, None
# that it has ended.
Step: TypeAlias = Callable[[], float | None]

_SLACK_SECONDS = (
    0.25  # by which a wait of more than a second may be longer, so that threads wake for many strands at once
)
_logger = logging.getLogger(__name__)


class _State(Enum):
    NEW = auto()  # never woken
    WAITING = auto()
    QUEUED = auto()
    RUNNING = auto()
    WOKEN = auto()  # while it runs: it is queued again
    ENDED = auto()


class Strand:
    """Something that goes on step by step from its first `wake` to its end, in the context in which it was made."""

    def __init__(self, pool: "Pool", step: Step) -> None:
        self._pool, self._step, self._context = pool, step, copy_context()
        self._ended: Future[None] = Future()
        self._began: float | None = None
        # The pool's:
        self.state = _State.NEW
        self.due = self.timed = inf  # when to call it if nobody wakes it, and the time in the heap that counts

    def wake(self) -> None:
        """Have a step made, soon; one that is being made is followed by another. On any thread."""
        self._pool.wake(self)

    async def join(self, seconds: float) -> bool:
        """Wake it and wait so long for its end; return whether that has come, as it has of one that never was woken."""
        if self.state is _State.NEW:
            return True
        self.wake()
        await asyncio.wait([asyncio.wrap_future(self._ended)], timeout=seconds)
        return self._ended.done()

    def is_stuck(self, seconds: float) -> bool:
        """Return whether a step has been going on for so long."""
        began = self._began
        return began is not None and time.monotonic() - began > seconds

    # On a thread of the pool:

    def run(self) -> float | None:
        self._began = time.monotonic()
        try:
            return self._context.run(self._step)
        except Exception:
            _logger.exception("a strand has ended by an error that it should have seen to itself")
            return None
        finally:
            self._began = None

    def end(self) -> None:
        self._step = _nothing  # the heap may have the strand for some time: what it worked on is free
        self._ended.set_result(None)


def _nothing() -> None:
    """Do nothing: as a step, have it end."""


class _Worker:
    """A thread of a pool, while it has nothing to do: whoever takes it out of the idle ones rings its bell, once."""

    def __init__(self) -> None:
        self.bell = threading.Lock()
        self.bell.acquire()
        self.until = inf

    def wait(self) -> bool:
        """Wait for the bell, or until it is time; return whether it has rung."""
        return self.bell.acquire(timeout=-1 if self.until == inf else max(0.0, self.until - time.monotonic()))


class Pool:
    """At most so many threads, which are there from the first strand that is woken to the end of the last.

    A strand that goes on goes to the end of the queue, so each that is busy has one step in turn. None that is woken is
    overlooked, however short before the end of its step that is.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._most, self._name = threads, name
        self._lock = threading.Lock()
        self._ready: deque[Strand] = deque()
        self._timers: list[tuple[float, int, Strand]] = []
        self._numbers = itertools.count()
        self._idle: list[_Worker] = []  # the last has worked last
        self._coming = 0  # threads that were rung or started, and have not looked yet
        self._threads = 0
        self._going = 0  # strands that were woken and have not ended

    def wake(self, strand: Strand) -> None:
        with self._lock:
            if strand.state is _State.RUNNING:
                strand.state = _State.WOKEN
            elif strand.state in (_State.NEW, _State.WAITING):
                self._going += strand.state is _State.NEW
                self._queue(strand)
            call = self._call()
        call()

    def _work(self, worker: _Worker) -> None:
        ran: Strand | None = None
        seconds: float | None = None
        while True:
            with self._lock:
                if ran is None:
                    self._coming -= 1
                else:
                    self._put_back(ran, seconds)
                self._queue_what_is_due()
                ran = self._ready.popleft() if self._ready else None
                if ran is not None:
                    ran.state = _State.RUNNING
                elif not self._going:
                    self._threads -= 1
                else:
                    worker.until = self._timers[0][0] if self._timers else inf
                    self._idle.append(worker)
                is_over = ran is None and not self._going
                call = self._call()
            call()
            if is_over:
                return
            if ran is not None:
                seconds = ran.run()
            elif not worker.wait():
                self._look_up(worker)

    def _look_up(self, worker: _Worker) -> None:
        """Have a worker look again for whom it is time, unless somebody has called it at this moment."""
        with self._lock:
            if is_idle := worker in self._idle:
                self._idle.remove(worker)
                self._coming += 1
        if not is_idle:
            worker.bell.acquire()

    # With the lock:

    def _queue(self, strand: Strand) -> None:
        strand.state = _State.QUEUED
        self._ready.append(strand)

    def _put_back(self, strand: Strand, seconds: float | None) -> None:
        if seconds is None:
            strand.state = _State.ENDED
            self._going -= 1
            strand.end()
        elif strand.state is _State.WOKEN or seconds <= 0:
            self._queue(strand)
        else:
            strand.state, strand.due = _State.WAITING, time.monotonic() + seconds
            if 1.0 < seconds < inf:
                strand.due = ceil(strand.due / _SLACK_SECONDS) * _SLACK_SECONDS
            if strand.due < strand.timed:  # else the heap has a time before, at which the strand is put there again
                self._time(strand)

    def _time(self, strand: Strand) -> None:
        strand.timed = strand.due
        heappush(self._timers, (strand.timed, next(self._numbers), strand))

    def _queue_what_is_due(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            at, _, strand = heappop(self._timers)
            if at != strand.timed:
                continue
            strand.timed = inf
            if strand.state is _State.WAITING and strand.due <= now:
                self._queue(strand)
            elif strand.state is _State.WAITING and strand.due < inf:
                self._time(strand)

    def _call(self) -> Callable[[], None]:
        """Return what calls a thread, if one is needed: for what waits, for a time that comes before all, or to end."""
        is_waited_for = len(self._ready) > self._coming
        if self._idle:
            first = self._timers[0][0] if self._timers else inf
            if is_waited_for or not self._going or first < min(worker.until for worker in self._idle):
                self._coming += 1
                return self._idle.pop().bell.release
        elif is_waited_for and self._threads < self._most:
            self._coming += 1
            self._threads += 1
            name = f"{self._name} {self._threads}"
            return threading.Thread(target=self._work, args=(_Worker(),), name=name, daemon=True).start
        return _nothing


class Pools(NamedTuple):
    """The threads of engines and of journals that nets share; with None each has one of its own."""

    engines: Pool | None = None
    journals: Pool | None = None


OWN = Pools()
