"""Entries in the journal's order, from the moment they are journalled until they have been applied."""

import time
from collections import deque
from collections.abc import Callable
from itertools import takewhile

from realnet.dendrites.net import DendriteNet
from service.errors import NotDurable
from service.journal.journal import Journal, NoJournal, Ticket
from service.journal.position import JournalPosition
from service.journal.records import RestoreRecord
from service.replica.entry import Entry, EntryState, Slice, next_slice
from service.replica.replica import Horizon

_MOST_TICKS = 4096
_FIRST_TICKS = 64
_SECONDS = 0.003  # that a slice is to take: commands and generations come in between
_HURRIED_SECONDS = 0.00075  # that it is to take while they wait
_STRETCH_SECONDS = 0.03  # of inputs that are lived at once
_MOST_STRETCH = 64  # ticks of each


class SliceSize:
    """How many ticks a slice may have, so that it takes about as long on any machine."""

    def __init__(self) -> None:
        self._per_second = _FIRST_TICKS / _SECONDS

    @staticmethod
    def clock_of(net: object) -> Callable[[], float]:
        """Return what a slice of this net is timed with.

        Dendrites are computed on the engine's thread alone, so that it is the time for which that has computed: where
        others have the core meanwhile, shorter slices would only add to what there is to do.
        """
        return time.thread_time if isinstance(net, DendriteNet) else time.monotonic

    def most(self, paused: bool, hurried: bool = False) -> int:
        """Return the ticks that the next slice may have: none while the net is paused, few while others wait."""
        if paused:
            return 0
        return self.within(_HURRIED_SECONDS if hurried else _SECONDS)

    def within(self, seconds: float) -> int:
        """Return the ticks of a slice that takes about so long."""
        return max(1, min(_MOST_TICKS, int(self._per_second * seconds)))

    def stretch(self, inputs: int) -> int:
        """Return how many ticks of each of so many inputs, which are lived at once, may be run in one go."""
        return max(1, min(_MOST_STRETCH, int(self._per_second * _STRETCH_SECONDS / inputs)))

    def adapt(self, ticks: int, seconds: float) -> None:
        """Learn from a slice of `ticks` ticks that took `seconds`.

        What a call costs beside its ticks makes a short one look slow, so that is believed only if it took its time;
        and one that was interrupted is not the rule, so no slice has fewer than half the ticks of the one before.
        """
        per_second = ticks / max(seconds, 1e-6)
        if per_second > self._per_second or seconds > _HURRIED_SECONDS:
            self._per_second = max(per_second, self._per_second / 2)


class Pipeline:
    """The entries that wait, on the engine's thread. `horizon` is the state in which the next one will find the net."""

    def __init__(self, journal: Journal, horizon: Horizon) -> None:
        self.horizon = horizon
        self._journal = journal
        self._entries: deque[Entry] = deque()
        self._pending: deque[tuple[Ticket, Entry]] = deque()  # the last of the entries
        self._settled = journal.last  # the last record that is durable, and applied or among the entries
        self._read = journal.last  # the last record that was followed

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, entry: Entry) -> None:
        """Journal an entry. Raises NotDurable, with nothing changed."""
        ticket = self._journal.append(entry.record)
        entry.seq = ticket.seq
        self._pending.append((ticket, entry))
        self._entries.append(entry)
        self.horizon = self.horizon.after(entry)

    def follow(self, entries: list[Entry], last: int) -> None:
        """Take entries that another server has journalled, up to its record `last`."""
        for entry in entries:
            self._pending.append((Ticket(entry.seq, is_durable=True), entry))
            self._entries.append(entry)
            self.horizon = self.horizon.after(entry)
        self._read = last

    def begin_anew(self, last: int, horizon: Horizon) -> None:
        """Give everything up, and go on behind record `last` with a net at `horizon`."""
        self.clear()
        self._settled = self._read = last
        self.horizon = horizon

    def lead(self, journal: Journal, now: Horizon) -> None:
        """Append to a journal from now on, of which all records were followed; the net is at `now`."""
        self._journal = journal
        self._look_ahead(now)

    def rest(self, horizon: Horizon) -> None:
        """Take over what the net is at, while there is nothing to be done."""
        assert not self._entries
        self.horizon = horizon

    def begin_commit(self) -> None:
        """Begin to make durable what was appended."""
        self._journal.begin_commit()

    def settle(self) -> list[Entry]:
        """Return the entries that have become durable since the last call, in order: they are ready now."""
        ready = []
        while self._pending and self._pending[0][0].is_durable:
            ticket, entry = self._pending.popleft()
            entry.state = EntryState.READY
            self._settled = ticket.seq
            ready.append(entry)
        if not self._pending:
            self._settled = max(self._settled, self._read)  # records of no entry may come last
        return ready

    def drop_failed(self, now: Horizon) -> tuple[NotDurable, list[Entry]] | None:
        """Drop what will never be durable, if anything, and return it with the reason; the net is at `now`."""
        if not self._pending or (why := self._pending[0][0].error) is None:
            return None
        dropped = [entry for _, entry in self._pending]
        for _ in dropped:
            self._entries.pop()  # they are the last
        self._pending.clear()
        self._journal.seen()
        self._look_ahead(now)
        return why, dropped

    def next_slice(self, most: int) -> Slice:
        """Return what may be applied now in one call, of at most `most` ticks."""
        return next_slice(self._entries, most)

    def before_restore(self) -> list[Entry]:
        """Return the ready entries before the last ready restore, which undoes them."""
        durable = list(takewhile(lambda entry: entry.state is not EntryState.PENDING, self._entries))
        restores = [index for index, entry in enumerate(durable) if isinstance(entry.record, RestoreRecord)]
        return [entry for entry in durable[: restores[-1]] if not entry.is_done] if restores else []

    def pop_done(self) -> list[Entry]:
        """Remove the entries that have been applied, and return them."""
        done = []
        while self._entries and self._entries[0].is_done:
            done.append(self._entries.popleft())
        return done

    def is_ready(self, most: int) -> bool:
        """Return whether a slice of at most `most` ticks would have anything in it."""
        if not self._entries:
            return False
        ticket = self._pending[0][0] if self._pending and self._pending[0][1] is self._entries[0] else None
        return (ticket is None or ticket.is_durable) and (most > 0 or not self._entries[0].record.ticks)

    def position(self) -> JournalPosition | None:
        """Return how far into the journal the net is; None without a journal."""
        if isinstance(self._journal, NoJournal):
            return None
        if not self._entries:
            return JournalPosition(self._settled)
        first = self._entries[0]
        return JournalPosition(self.applied, first.seq, first.done)

    @property
    def applied(self) -> int:
        """Return the number of the last record that was applied with all before it."""
        return min(self._settled, self._entries[0].seq - 1) if self._entries else self._settled

    def _look_ahead(self, now: Horizon) -> None:
        self.horizon = now
        for entry in self._entries:
            self.horizon = self.horizon.after(entry)

    def clear(self) -> list[Entry]:
        """Give everything up, and return it."""
        entries = list(self._entries)
        self._entries.clear()
        self._pending.clear()
        return entries
