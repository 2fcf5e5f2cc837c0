"""What is remembered of the clients of streams, so that they go on where they were and teach nothing twice.

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
    """Where the messages of one client, from however many connections, are."""

    last_seq: int = 0  # the highest that has been run …
    tick: int = 0  # … and its last tick
    running: "dict[int, asyncio.Future[Ran]]" = field(default_factory=dict)
    name: str | None = None
    missing: int = 0  # the lowest seq that was not durable, and has not come again

    @property
    def accepted(self) -> int:
        """The highest seq that was run, or is on its way to be; what has failed may be sent again."""
        return max(self.last_seq, next(reversed(self.running), 0))

    def is_repetition(self, seq: int) -> bool:
        return seq <= self.accepted and not (self.missing and seq >= self.missing)

    def begin_again(self) -> None:
        """A new connection is told where to go on, and may have forgotten what is missing."""
        if not self.running:
            self.missing = 0

    def accept(self, seq: int, reply: "asyncio.Future[Ran]") -> None:
        """Raises NotDurable while one before it is to be sent again: that would be lost for good."""
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
        """The reply to a seq that was accepted before; of one that has been run, the last of all is known."""
        if (reply := self.running.get(seq)) is None:
            reply = asyncio.get_running_loop().create_future()
            reply.set_result(Ran(self.tick, self.tick, []))
        return reply


class Clients:
    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress or Progress.of(None)
        self._clients: OrderedDict[str, Client] = OrderedDict()

    def get(self, client_id: str | None) -> Client:
        """A client without a name is always a new one."""
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
