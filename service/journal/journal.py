"""The journal: a thread makes records durable while the engine runs those that already are."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from service.errors import NotDurable
from service.journal.codec import encode_record
from service.journal.records import NoteRecord, Record
from service.store.base import Log, StoreError, StoreLost

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
        """Wake the journal's thread: once for many records, since the threads take turns at Python."""

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
    """A journal in a `Log`. Its thread calls `on_durable`, and `on_trouble` with an error or, once it is over, None."""

    def __init__(self, log: Log, policy: Policy, last: int) -> None:
        self.last = last
        self.error: NotDurable | None = None
        self.failure: str | None = None  # why its thread has ended, if not by a stop
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
        self._changed = threading.Condition()
        self._stopping = False
        self._checked_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Make durable what was appended, if that doesn't take too long, then end the thread. Blocks."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)

    def append(self, record: Record) -> Ticket:
        with self._changed:
            if self._unseen is not None or self.error is not None:
                raise NotDurable(str(self._unseen or self.error))
            self.last += 1
            ticket = Ticket(self.last)
            self._pending.append((ticket, record))
        return ticket

    def begin_commit(self) -> None:
        if self._pending:
            with self._changed:
                self._changed.notify()

    def seen(self) -> None:
        with self._changed:
            self._unseen = None

    def trim(self, seq: int) -> None:
        """Let the log drop the records before this one, some time."""
        with self._changed:
            self._trim_to = seq
            self._changed.notify()

    # On the journal's thread:

    def _run(self) -> None:
        try:
            self._live()
        except StoreLost as error:
            self._fail(error)
            self.failure = str(error)
        except Exception:
            _logger.exception("the journal has died")
            self._fail(StoreError("the journal has died, the server's log tells why"))
            self.failure = str(self.error)

    def _live(self) -> None:
        while True:
            with self._changed:
                if not (self._pending or self._stopping or self._trim_to is not None):
                    self._changed.wait(_SYNC_SECONDS)
                self._taken, self._pending = self._pending, []
                trim_to, self._trim_to = self._trim_to, None
                if self._stopping and not self._taken:
                    break
            try:
                self._commit(self._taken)
                if trim_to is not None:
                    self._log.trim(trim_to)
                self._check_every_second()
            except StoreLost:
                raise
            except StoreError as error:
                self._fail(error)
                if not self._recover():
                    break
        try:
            if self.error is None and self._policy != "never":
                self._log.sync()
            self._log.close()
        except StoreError as error:
            _logger.error("the journal's end: %s", error)

    def _commit(self, pending: list[tuple[Ticket, Record]]) -> None:
        start = 0
        while start < len(pending):
            block = bytearray()
            end = start
            while end < len(pending) and len(block) < _BLOCK_BYTES:
                ticket, record = pending[end]
                block += encode_record(ticket.seq, record)
                end += 1
            self._write(pending[start][0].seq, bytes(block), end - start)
            for ticket, _ in pending[start:end]:
                ticket.is_durable = True
            self.on_durable()
            start = end

    def _check_every_second(self) -> None:
        if time.monotonic() - self._checked_at >= _SYNC_SECONDS:
            if self._policy == "everysec":
                self._log.sync()
            self._log.check()
            self._checked_at = time.monotonic()

    def _write(self, seq: int, block: bytes, records: int) -> None:
        began = time.monotonic()
        self._log.append(seq, block, self._policy == "always")
        self.seconds += time.monotonic() - began
        self.records += records
        self.bytes += len(block)
        self.commits += 1

    def _fail(self, error: StoreError) -> None:
        """Fail every record that is not durable, and refuse more."""
        why = NotDurable(str(error))
        with self._changed:
            failed = [ticket for ticket, _ in (*self._taken, *self._pending) if not ticket.is_durable]
            self._taken, self._pending = [], []
            self.last -= len(failed)
            self.error = why
            self._unseen = why if failed else self._unseen
        self.failures += 1
        _logger.error("nothing is learnt, the journal cannot be written: %s", error)
        self.on_trouble(why)
        for ticket in failed:
            ticket.error = why
        self.on_durable()

    def _recover(self) -> bool:
        """Try until the log can be written again. Returns False at a stop."""
        began = time.monotonic()
        while True:
            with self._changed:
                if self._stopping or self._changed.wait_for(lambda: self._stopping, _RETRY_SECONDS):
                    return False
            seconds = time.monotonic() - began
            try:
                self._log.repair()
                note = encode_record(self.last + 1, NoteRecord(f"not written for {seconds:.1f} s: {self.error}"))
                self._write(self.last + 1, note, 1)
                if self._policy != "never":
                    self._log.sync()
            except StoreLost:
                raise
            except StoreError:
                continue
            with self._changed:
                self.last += 1
                self.error = None
            _logger.info("the journal can be written again, after %.1f s", seconds)
            self.on_trouble(None)
            return True
