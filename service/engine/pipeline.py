"""What the engine will do, in the journal's order: promised while a record is on its way, due once it is durable."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Any

from service.engine.commands import Command, Dream, Restore, Run, UpdateWeights
from service.errors import NotDurable
from service.journal.journal import Journal, NoJournal, Ticket
from service.journal.position import JournalPosition
from service.journal.records import IdleRecord, Record, RestoreRecord, WeightUpdateRecord
from service.replica.entry import Entry, Slice, episode_record, input_record, next_slice


class Pipeline:
    """On the engine's thread. `entering` is the tick after which that enters which is added next."""

    def __init__(self, journal: Journal, tick: int) -> None:
        self.works: deque[Entry] = deque()
        self.entering = tick
        self.is_restoring = False  # nothing is run between a restore's journalling and itself
        self._journal = journal
        self._promised: deque[tuple[Ticket, Command[Any] | Entry]] = deque()
        self._settled = journal.last  # the last record that is durable, and done or among the works

    # These raise NotDurable, with nothing changed.

    def add_run(self, run: Run, rate: float) -> None:
        record = input_record(run, self.entering, rate)
        self._add(Entry.of_run(run, self._journal.append(record), record))

    def add_dream(self, dream: Dream, rate: float) -> None:
        record = episode_record(dream, self.entering, rate)
        self._add(Entry(self._journal.append(record), record, episodes=dream.episodes, command=dream))

    def add_idle(self, ticks: int, rate: float, counted: int) -> None:
        """Ticks to be computed, and then some to be only counted."""
        record = IdleRecord(self.entering, rate, ticks)
        self._add(Entry(self._journal.append(record), record, counted=counted))

    def add_adoption(self, command: UpdateWeights) -> None:
        record = WeightUpdateRecord(self.entering, command.job, command.fitted, command.fork)
        self._add(Entry(self._journal.append(record), record, command=command))

    def add_change(self, command: Command[Any], record: Record) -> None:
        self._promised.append((self._journal.append(record), command))

    def add_restore(self, command: Restore) -> None:
        """What is half run is given up, what waits enters the restored net. One at a time."""
        assert not self.is_restoring
        first = self.works[0] if self.works else None
        half = first.ticket.seq if first is not None and first.done else 0
        after = self._journal.last if first is None else half or first.ticket.seq - 1
        self.add_change(command, RestoreRecord(command.snapshot, command.sha256, after, half))
        self.is_restoring = True
        waiting = (work.left + work.counted for work in self.works if work.ticket.seq > after)
        self.entering = command.learner.net.tick + sum(waiting)

    def _add(self, work: Entry) -> None:
        self._promised.append((work.ticket, work))
        self.works.append(work)
        self.entering += work.left + work.counted

    def begin_commit(self) -> None:
        """Begin to make durable what was added."""
        self._journal.begin_commit()

    def rest(self, ticks: int) -> None:
        """They were counted, while there was nothing to do."""
        self.entering += ticks

    def next_durable(self) -> Command[Any] | Entry | None:
        """What has become durable since it was promised, in order."""
        if not self._promised or not self._promised[0][0].is_durable:
            return None
        ticket, what = self._promised.popleft()
        self._settled = ticket.seq
        if isinstance(what, Restore):
            self.is_restoring = False
        return what

    def given_up(self, tick: int) -> tuple[NotDurable, list[Command[Any]]] | None:
        """What will never be durable and therefore is not done, if anything; the net is at `tick`."""
        if not self._promised or (why := self._promised[0][0].error) is None:
            return None
        given_up: list[Command[Any]] = []
        for _, what in self._promised:
            if not isinstance(what, Entry):
                given_up.append(what)
                continue
            self.works.pop()  # they are the last
            if what.command is not None:
                given_up.append(what.command)
        self._promised.clear()
        self._journal.seen()
        self.is_restoring = False
        self.entering = tick + sum(work.left + work.counted for work in self.works)
        return why, given_up

    def homecoming(self) -> Entry | None:
        """Of fitted synapses, if that is to be done next; then it is no more."""
        first = next(self._due(), None)
        return self.works.popleft() if first is not None and isinstance(first.record, WeightUpdateRecord) else None

    def parts(self, most: int) -> Slice:
        """What may be run now, in one call."""
        return next_slice(self._due(), most)

    def _due(self) -> Iterator[Entry]:
        """What has been seen to be durable: the place of a snapshot says so, too."""
        works: Iterable[Entry] = () if self.is_restoring else self.works
        return takewhile(lambda work: work.ticket.seq <= self._settled, works)

    @property
    def is_due(self) -> bool:
        return not self.is_restoring and bool(self.works) and self.works[0].ticket.is_durable

    @property
    def is_empty(self) -> bool:
        """A record says when it enters, so nothing is only counted before all is done."""
        return not self.works and not self.is_restoring

    def half(self) -> Entry | None:
        """What is half run; then it is no more."""
        return self.works.popleft() if self.works and self.works[0].done else None

    def place(self) -> JournalPosition | None:
        if isinstance(self._journal, NoJournal):
            return None
        if not self.works:
            return JournalPosition(self._settled)
        first = self.works[0]
        return JournalPosition(min(self._settled, first.ticket.seq - 1), first.ticket.seq, first.done)

    def all(self) -> list[Command[Any]]:
        """Everything that somebody waits for."""
        everything = [*(what for _, what in self._promised), *self.works]
        commands = [what.command if isinstance(what, Entry) else what for what in everything]
        return list(dict.fromkeys(command for command in commands if command is not None))
