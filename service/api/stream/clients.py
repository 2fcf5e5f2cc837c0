"""Remember where each client of a stream is, so that it goes on from there and nothing is learnt twice.

A client is in memory while it has a stream open or an input on its way; its last input is also in the table.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self
from weakref import WeakValueDictionary

from realnet.inputs import Input
from service.api.senders import Senders, check_content, content_digest
from service.engine.commands import Ran, Run, Sender
from service.errors import ErrorLocation, Invalid, NotDurable
from service.replica.senders import SenderTable

_FAR = 2**32  # no repetition is so far below the last seq
_ANOTHER = ErrorLocation(detail="it was used for another input", pointer="/seq")


@dataclass(slots=True, eq=False)
class Batch:
    """Inputs of one client that are one command: all of them are learnt, or none. Their `seqs` rise."""

    seqs: list[int]
    inputs: list[Input]
    run: Run

    @classmethod
    def of(
        cls, inputs: Sequence[tuple[int, Input]], learn: bool, label: str | None = None, session: str | None = None
    ) -> Self:
        """Join inputs of one kind, each with its seq."""
        seqs, given = map(list, zip(*inputs, strict=True))
        return cls(seqs, given, Run(Input.joined(given), learn=learn, label=label, session=session))

    def digest(self, seq: int) -> str:
        """Return the digest of one of the inputs."""
        return content_digest(self.inputs[self.seqs.index(seq)], self.run.learn, self.run.session)


@dataclass(slots=True, weakref_slot=True)
class Client:
    """How far the inputs of one client are, from however many connections."""

    last_seq: int = 0  # the highest seq that has been run
    tick: int = 0  # the last tick of that input
    digest: str = ""  # of the content of that input; empty if unknown
    running: dict[int, Batch] = field(default_factory=dict)  # by the last seq of each, which rises
    missing: int = 0  # the lowest seq that was not durable and has not been sent again; 0 if there is none
    space: str = ""
    name: str = ""
    senders: Senders | None = None  # None for a client without a name

    @property
    def accepted(self) -> int:
        """Return the highest seq that was run or is being run; inputs that failed may be sent again."""
        return max(self.last_seq, next(reversed(self.running), 0))

    def begin_again(self) -> None:
        """Forget what is missing: a new connection is told where to go on, and may not know of it."""
        if not self.running:
            self.missing = 0

    def is_new(self, seq: int) -> bool:
        """Return whether no input with this seq was accepted before."""
        return seq > self.accepted or bool(self.missing and seq >= self.missing)

    def repetition(self, seq: int, digest: str) -> "asyncio.Future[Ran]":
        """Return the reply to a seq that is not new.

        Of the inputs that have been run only the last is known: older ones are replied to with its tick, and their
        content cannot be compared. Raises Invalid if the content is known and differs, and if `seq` is too far below.
        """
        for batch in self.running.values():
            if seq in batch.seqs:
                check_content(batch.digest(seq), digest, _ANOTHER)
                return batch.run.reply
        if seq == self.last_seq:
            check_content(self.digest, digest, _ANOTHER)
        if seq < self.last_seq - _FAR:
            raise Invalid([ErrorLocation(detail=f"far below {self.last_seq}, the last of this client", pointer="/seq")])
        reply = asyncio.get_running_loop().create_future()
        reply.set_result(Ran(0, self.tick, []))  # its first tick is not known
        return reply

    def accept(self, batch: Batch) -> None:
        """Note that inputs, of which the first is new, are being run.

        Raises NotDurable while an earlier one has to be sent again first, and Limited if the client is new and its
        caller has as many clients as may be remembered.
        """
        first, last, run = batch.seqs[0], batch.seqs[-1], batch.run
        if self.missing and (first > self.missing or first < self.accepted):
            raise NotDurable(f"seq {self.missing} was not durable and comes first")
        digest = batch.digest(last)
        if self.senders is not None:
            if not self.last_seq:
                self.senders.admit(self.space, self.name, digest, run.reply)
            run.sender = Sender(self.name, last, digest=digest, at=time.time(), space=self.space)
        self.missing = 0
        self.running[last] = batch
        run.reply.add_done_callback(lambda reply: self._ended(batch, digest, reply))

    def _ended(self, batch: Batch, digest: str, reply: "asyncio.Future[Ran]") -> None:
        first, last = batch.seqs[0], batch.seqs[-1]
        del self.running[last]
        if reply.exception() is None:
            self.last_seq, self.tick, self.digest = last, reply.result().last_tick, digest
        elif isinstance(reply.exception(), NotDurable):
            self.missing = min(first, self.missing or first)


class Clients(Senders):
    """All clients with a stream, by name: one that has several is one client."""

    kind = "clients"

    def __init__(self, table: SenderTable, most: int) -> None:
        super().__init__(table, most)
        self._here: WeakValueDictionary[str, Client] = WeakValueDictionary()

    def get(self, space: str, client_id: str | None) -> Client:
        """Return the client of this id; without an id, always a new one."""
        if client_id is None:
            return Client()
        name = space + client_id
        client = self._here.get(name)
        if client is None:
            client = self._here[name] = Client(space=space, name=name, senders=self)
        self._renew(client)
        return client

    def renew(self) -> None:
        """See again how far those are that are here: another server may have taken their inputs."""
        for client in self._here.values():
            self._renew(client)

    def _renew(self, client: Client) -> None:
        learnt = self.learnt(client.space, client.name)
        if learnt is not None and learnt.seq > client.last_seq and not client.running:
            client.last_seq, client.tick, client.digest = learnt.seq, learnt.last_tick, learnt.digest
