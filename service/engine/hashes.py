"""Hashes of the net at marks in the journal: all servers that live by one journal must come to the same."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from realnet import Checkpoint
from service.journal.records import HashRecord
from service.replica.sessions import SessionState, state_sha256

_KEPT = 8  # marks
_logger = logging.getLogger(__name__)


class Hash(NamedTuple):
    """What the net was at the record `mark`."""

    mark: int
    tick: int
    sha256: str


class Hashes:
    """Takes hashes on a thread of its own, of copies that the engine's makes. `every` is in ticks, 0 for never."""

    def __init__(self, every: int) -> None:
        self.wanted = False  # whether there is anybody to compare with
        self.last: Hash | None = None  # that this server took
        self.agreed: Hash | None = None  # that another server's was equal to
        self.on_taken: Callable[[Hash], object] = lambda _: None  # on its thread
        self.on_difference: Callable[[Hash], None] = lambda _: None  # on its thread, or the engine's
        self.on_loss: Callable[[Exception], None] = lambda _: None  # of a copy, on its thread
        self._every = every
        self._due = every
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hashes")
        self._lock = threading.Lock()
        self._own: dict[int, Hash] = {}
        self._told: dict[int, str] = {}
        self._under_way = 0
        self._life = 0  # how often the net has become another

    # On the engine's thread:

    def is_due(self, ticks: int) -> bool:
        """Return whether a mark is due, after so many ticks since the start; then the next is due `every` later."""
        if not self._every or ticks < self._due:
            return False
        self._due = ticks + self._every
        return self.wanted and not self._under_way

    def take(self, mark: int, begun: Callable[[], Checkpoint], sessions: Sequence[SessionState] = ()) -> None:
        """Have the hash taken of a copy that may still be on its way."""
        with self._lock:
            self._under_way += 1
        self._worker.submit(self._take, mark, begun, sessions, self._life)

    def told(self, record: HashRecord) -> None:
        """Compare what the journal says, at once or when the hash has been taken; without one of its own never."""
        with self._lock:
            self._told[record.mark] = record.sha256
            _forget_old(self._told)
        self._compare(record.mark)

    def forget(self) -> None:
        """Compare nothing of before: the net is another one now."""
        with self._lock:
            self._own.clear()
            self._told.clear()
            self._life += 1
        self.agreed = None

    # On any thread:

    def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _take(self, mark: int, begun: Callable[[], Checkpoint], sessions: Sequence[SessionState], life: int) -> None:
        began = time.monotonic()
        try:
            checkpoint = begun()
        except Exception as error:
            self.on_loss(error)
            return
        taken = Hash(mark, checkpoint.tick, state_sha256(checkpoint, sessions))
        with self._lock:
            self._under_way -= 1
            if life != self._life:
                return
            self._own[mark] = taken
            _forget_old(self._own)
        self.last = taken
        _logger.debug("the hash at record %d was taken in %.3f s", mark, time.monotonic() - began)
        self.on_taken(taken)
        self._compare(mark)

    def _compare(self, mark: int) -> None:
        with self._lock:
            own, told = self._own.get(mark), self._told.get(mark)
        if own is None or told is None:
            return
        if own.sha256 == told:
            self.agreed = own
        else:
            self.on_difference(own)


def _forget_old(by_mark: "dict[int, Hash] | dict[int, str]") -> None:
    while len(by_mark) > _KEPT:
        del by_mark[next(iter(by_mark))]
