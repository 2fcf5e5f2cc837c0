"""Rows of streams that come over `WS /v1/stream`: each message is told of once, however often it is sent."""

import asyncio
import time
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from service.api.senders import Senders, check_content
from service.api.stream_schemas import Rows
from service.engine.commands import Sender
from service.errors import ErrorLocation, NotDurable
from service.replica.senders import Learnt, SenderTable
from service.runtime.observing import became_before, submit
from service.runtime.runtime import Runtime
from service.streams.commands import Observe
from service.streams.rows import Observed, Row

_ANOTHER = ErrorLocation(detail="it was used for other rows", pointer="/seq")
_OF_ROWS = "\n"  # before the names of clients as senders of rows, whose `seq` is counted by itself


@dataclass(slots=True, weakref_slot=True)
class Observer:
    """How far the rows of one client are, from however many connections."""

    space: str = ""
    name: str = ""
    senders: Senders | None = None  # None for a client without a name
    last: Learnt = field(default_factory=lambda: Learnt("", 0, 0, 0.0))
    running: dict[int, tuple[str, Observe]] = field(default_factory=dict)  # by seq, with the digest
    missing: int = 0  # the lowest seq that was not durable and has not been sent again; 0 if there is none

    async def observe(self, runtime: Runtime, seq: int, given: Rows, rows: list[Row]) -> Observed:
        """Tell of rows and learn them, unless they were under this `seq` before. Raises Refused.

        Of what was told only the last message is known; of an older one it is only said that it was accepted.
        """
        new = Observe(given.stream, given.kind, rows, given.learn, Sender(at=time.time()))
        digest = new.digest
        if seq in self.running:
            known, command = self.running[seq]
            check_content(known, digest, _ANOTHER)
            return await asyncio.shield(command.reply)
        if seq == self.last.seq:
            check_content(self.last.digest, digest, _ANOTHER)
            return await became_before(runtime, given.stream, self.last.first_tick, len(rows))
        if seq < max(self.last.seq, *self.running, 0):
            return Observed(0, len(rows), [])
        if self.missing and seq > self.missing:
            raise NotDurable(f"seq {self.missing} was not durable and comes first")
        if self.senders is not None:
            if not self.last.seq:
                self.senders.admit(self.space, self.name, digest, new.reply)
            new.sender = Sender(self.name, seq, digest=digest, at=time.time(), space=self.space)
        submit(runtime, new)
        self.missing = 0
        self.running[seq] = digest, new
        new.reply.add_done_callback(lambda reply: self._ended(seq, reply))
        return await asyncio.shield(new.reply)

    def renew(self) -> None:
        """See again how far it is: its rows are noted where the journal is applied."""
        learnt = None if self.senders is None else self.senders.learnt(self.space, self.name)
        if learnt is not None and learnt.seq > self.last.seq:
            self.last = learnt

    def begin_again(self) -> None:
        """Forget what is missing: a new connection is told where to go on, and may not know of it."""
        if not self.running:
            self.missing = 0
        self.renew()

    def _ended(self, seq: int, reply: "asyncio.Future[Observed]") -> None:
        del self.running[seq]
        self.renew()
        if isinstance(reply.exception(), NotDurable):
            self.missing = min(seq, self.missing or seq)


class Observers(Senders):
    """All clients that send rows, by name: one with several connections is one client."""

    kind = "clients"

    def __init__(self, table: SenderTable, most: int) -> None:
        super().__init__(table, most)
        self._here: WeakValueDictionary[str, Observer] = WeakValueDictionary()

    def get(self, space: str, client_id: str | None) -> Observer:
        """Return the client of this id; without an id, always a new one."""
        if client_id is None:
            return Observer()
        name = f"{space}{_OF_ROWS}{client_id}"
        observer = self._here.get(name)
        if observer is None:
            observer = self._here[name] = Observer(space, name, self)
        observer.begin_again()
        return observer
