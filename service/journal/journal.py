"""The journal: another thread makes records durable while the engine's runs those that already are."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Literal, Protocol, TypeAlias

from service.errors import NotDurable
from service.journal.codec import encode_record
from service.journal.records import NoteRecord, Record
from service.store.base import Log, StoreError, StoreLost
from service.strands import Pool, Strand

Policy: TypeAlias = Literal["always", "everysec", "never", "off"]

_BLOCK_BYTES = 4 * 2**20  # made durable at once, and a record more
_SYNC_SECONDS = 1.0
_RETRY_SECONDS = 0.5
_STOP_SECONDS = 1.5
_logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Ticket:
    """A record that was appended: in the end `is_durable`, or an `error` that says why it never will be."""

    seq: int
    is_durable: bool = False
    error: NotDurable | None = None


class Journal(Protocol):
    last: int  # the number of the record appended last

    # On the engine's thread:

    def append(self, record: Record) -> Ticket:
        """Take a record, to be made durable after the next `begin_commit`. Raises NotDurable."""
        ...

    def begin_commit(self) -> None:
        """Wake the journal: once for many records, since the threads take turns at Python."""

    def seen(self) -> None:
        """Allow appends again: the caller has handled the tickets that failed."""


class NoJournal:
    """A journal that writes nothing and calls every record durable."""

    def __init__(self) -> None:
        self.last = 0

    def append(self, record: Record) -> Ticket:
        self.last += 1
        return Ticket(self.last, is_durable=True)

    def begin_commit(self) -> None:
        pass

    def seen(self) -> None:
        pass


class OthersJournal:
    """A journal that another server writes: nothing is appended here."""

    def __init__(self, last: int) -> None:
        self.last = last

    def append(self, record: Record) -> Ticket:
        raise NotDurable("another server writes the journal")

    def begin_commit(self) -> None:
        pass

    def seen(self) -> None:
        pass


class LoggedJournal:
    """A journal in a `Log`. Its thread calls `on_durable`, and `on_trouble` with an error or, once it is over, None.

    That is one of a `pool`, or its own. Who has one of its own sees every second whether the log is still there; others
    see it a second after they have written to it, and not while they rest.
    """

    def __init__(self, log: Log, policy: Policy, last: int, pool: Pool | None = None) -> None:
        self.last = last
        self.error: NotDurable | None = None
        self.failure: str | None = None  # why it has ended, if not by a stop
        self._unseen: NotDurable | None = None
        self.on_durable: Callable[[], None] = lambda: None
        self.on_trouble: Callable[[NotDurable | None], None] = lambda _: None
        self.records = self.bytes = self.commits = self.failures = 0  # since the start
        self.seconds = 0.0  # spent in commits
        self._log = log
        self._policy = policy
        self._pending: list[tuple[Ticket, Record]] = []
        self._taken: list[tuple[Ticket, Record]] = []  # of these, by the thread, to be written now
        self._trim_to: int | None = None
        self._lock = threading.Lock()
        self._stopping = self._is_given_up = False
        self._failed_at = 0.0
        self._checked_at, self._rests = time.monotonic(), pool is not None
        self._looks_always = pool is None
        self._strand = Strand(pool or Pool(1, "journal"), self._turn)

    def start(self) -> None:
        self._strand.wake()

    async def stop(self) -> None:
        """Make durable what was appended, if that doesn't take too long, then end."""
        self._stopping = True
        self._is_given_up = not await self._strand.join(_STOP_SECONDS)  # whoever comes next may write the log then

    def append(self, record: Record) -> Ticket:
        with self._lock:
            if self._unseen is not None or self.error is not None:
                raise NotDurable(str(self._unseen or self.error))
            self.last += 1
            ticket = Ticket(self.last)
            self._pending.append((ticket, record))
        return ticket

    def begin_commit(self) -> None:
        if self._pending:
            self._strand.wake()

    def seen(self) -> None:
        with self._lock:
            self._unseen = None

    def trim(self, seq: int) -> None:
        """Let the log drop the records before this one, some time."""
        with self._lock:
            self._trim_to = seq
        self._strand.wake()

    # On the journal's thread:

    def _turn(self) -> float | None:
        try:
            return self._step()
        except StoreLost as error:
            self._fail(error)
            self.failure = str(error)
        except Exception:
            _logger.exception("the journal has died")
            self._fail(StoreError("the journal has died, the server's log tells why"))
            self.failure = str(self.error)
        return None

    def _step(self) -> float | None:
        """Write a block, and return after how many seconds there is more to do; None at the end."""
        if self._stopping and (self.error is not None or self._is_given_up):
            self._close()
            return None
        if self.error is not None:
            return self._recover()
        with self._lock:
            self._taken += self._pending
            self._pending = []
        try:
            if self._taken:
                self._commit()
            if self._taken:
                return 0.0
            if self._stopping:
                self._close()
                return None
            with self._lock:
                trim_to, self._trim_to = self._trim_to, None
            if trim_to is not None:
                self._log.trim(trim_to)
            return self._check()
        except StoreLost:
            raise
        except StoreError as error:
            self._fail(error)
            return _RETRY_SECONDS

    def _close(self) -> None:
        try:
            if self.error is None and self._policy != "never":
                self._log.sync()
            self._log.close()
        except StoreError as error:
            _logger.error("the journal's end: %s", error)

    def _commit(self) -> None:
        """Make a block of what was taken durable."""
        block, count = bytearray(), 0
        while count < len(self._taken) and len(block) < _BLOCK_BYTES:
            ticket, record = self._taken[count]
            block += encode_record(ticket.seq, record)
            count += 1
        self._write(self._taken[0][0].seq, bytes(block), count)
        for ticket, _ in self._taken[:count]:
            ticket.is_durable = True
        del self._taken[:count]
        self.on_durable()

    def _check(self) -> float:
        """See, a second after the last time, whether the log is still there; return when to look again."""
        if (left := self._checked_at + _SYNC_SECONDS - time.monotonic()) <= 0:
            if self._policy == "everysec":
                self._log.sync()
            self._log.check()
            self._checked_at, left = time.monotonic(), _SYNC_SECONDS
            self._rests = not self._looks_always
        return inf if self._rests else left

    def _write(self, seq: int, block: bytes, records: int) -> None:
        began = time.monotonic()
        self._log.append(seq, block, self._policy == "always")
        self.seconds += time.monotonic() - began
        self.records += records
        self.bytes += len(block)
        self.commits += 1
        if self._rests:
            self._rests, self._checked_at = False, began

    def _fail(self, error: StoreError) -> None:
        """Fail every record that is not durable, and refuse more."""
        why = NotDurable(str(error))
        with self._lock:
            failed = [ticket for ticket, _ in (*self._taken, *self._pending)]
            self._taken, self._pending = [], []
            self.last -= len(failed)
            self.error = why
            self._unseen = why if failed else self._unseen
        self.failures += 1
        self._failed_at = time.monotonic()
        _logger.error("nothing is learnt, the journal cannot be written: %s", error)
        self.on_trouble(why)
        for ticket in failed:
            ticket.error = why
        self.on_durable()

    def _recover(self) -> float:
        """Try whether the log can be written again; return after how many seconds to go on."""
        seconds = time.monotonic() - self._failed_at
        try:
            self._log.repair()
            note = encode_record(self.last + 1, NoteRecord(f"not written for {seconds:.1f} s: {self.error}"))
            self._write(self.last + 1, note, 1)
            if self._policy != "never":
                self._log.sync()
        except StoreLost:
            raise
        except StoreError:
            return _RETRY_SECONDS
        with self._lock:
            self.last += 1
            self.error = None
        _logger.info("the journal can be written again, after %.1f s", seconds)
        self.on_trouble(None)
        return 0.0
