"""Remember where each client of a stream is, so that it goes on from there and nothing is learnt twice.

Here of those who are here; the progress knows them after a restart, too.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from service.engine.commands import Ran
from service.errors import NotDurable
from service.replica.progress import Progress

_CLIENTS = 10_000  # those who were here longest ago are forgotten


@dataclass(slots=True)
class Client:
    """How far the inputs of one client are, from however many connections."""

    last_seq: int = 0  # the highest seq that has been run
    tick: int = 0  # the last tick of that input
    running: "dict[int, asyncio.Future[Ran]]" = field(default_factory=dict)
    name: str | None = None
    missing: int = 0  # the lowest seq that was not durable and has not been sent again; 0 if there is none

    @property
    def accepted(self) -> int:
        """Return the highest seq that was run or is being run; inputs that failed may be sent again."""
        return max(self.last_seq, next(reversed(self.running), 0))

    def is_repetition(self, seq: int) -> bool:
        """Return whether an input of this seq was accepted before, and does not have to be sent again."""
        return seq <= self.accepted and not (self.missing and seq >= self.missing)

    def begin_again(self) -> None:
        """Forget what is missing: a new connection is told where to go on, and may not know of it."""
        if not self.running:
            self.missing = 0

    def accept(self, seq: int, reply: "asyncio.Future[Ran]") -> None:
        """Note that an input is being run. Raises NotDurable while an earlier one has to be sent again first."""
        if self.missing and (seq > self.missing or seq < self.accepted):
            raise NotDurable(f"seq {self.missing} was not durable and comes first")
        self.missing = 0
        self.running[seq] = reply
        reply.add_done_callback(lambda _: self._ended(seq, reply))

    def _ended(self, seq: int, reply: "asyncio.Future[Ran]") -> None:
        del self.running[seq]
        if reply.exception() is None:
            self.last_seq, self.tick = seq, reply.result().last_tick
            return
        if isinstance(reply.exception(), NotDurable):
            self.missing = min(seq, self.missing or seq)

    def repeated(self, seq: int) -> "asyncio.Future[Ran]":
        """Return the reply to a seq that was accepted before; if it has been run, that of the last one that has."""
        if (reply := self.running.get(seq)) is None:
            reply = asyncio.get_running_loop().create_future()
            reply.set_result(Ran(self.tick, self.tick, []))
        return reply


class Clients:
    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress or Progress.of(None)
        self._clients: OrderedDict[str, Client] = OrderedDict()

    def get(self, client_id: str | None) -> Client:
        """Return the client of this id; without an id, always a new one."""
        if client_id is None:
            return Client()
        client = self._clients.get(client_id)
        if client is None:
            seq, tick = self._progress.clients.get(client_id, (0, 0))
            client = self._clients[client_id] = Client(seq, tick, name=client_id)
        self._clients.move_to_end(client_id)
        if len(self._clients) > _CLIENTS:
            self._clients.popitem(last=False)
        return client
