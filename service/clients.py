"""What is remembered of the clients of streams, so that they go on where they were and teach nothing twice.

In memory, as long as the server runs.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from service.commands import Ran

_CLIENTS = 10_000  # those who were here longest ago are forgotten


@dataclass(slots=True)
class Client:
    """Where the messages of one client, from however many connections, are."""

    accepted: int = 0  # the highest seq that was given to the inbox
    last_seq: int = 0  # the highest that has been run …
    tick: int = 0  # … and its last tick
    running: "dict[int, asyncio.Future[Ran]]" = field(default_factory=dict)

    def accept(self, seq: int, reply: "asyncio.Future[Ran]") -> None:
        self.accepted = seq
        self.running[seq] = reply
        reply.add_done_callback(lambda _: self._ended(seq, reply))

    def _ended(self, seq: int, reply: "asyncio.Future[Ran]") -> None:
        del self.running[seq]
        if reply.exception() is None:
            self.last_seq, self.tick = seq, reply.result().last_tick
        elif not self.running:  # it may be sent again
            self.accepted = self.last_seq

    def repeated(self, seq: int) -> "asyncio.Future[Ran]":
        """The reply to a seq that was accepted before; of one that has been run, the last of all is known."""
        if (reply := self.running.get(seq)) is None:
            reply = asyncio.get_running_loop().create_future()
            reply.set_result(Ran(self.tick, self.tick, []))
        return reply


class Clients:
    def __init__(self) -> None:
        self._clients: OrderedDict[str, Client] = OrderedDict()

    def get(self, client_id: str | None) -> Client:
        """A client without a name is always a new one."""
        if client_id is None:
            return Client()
        client = self._clients.setdefault(client_id, Client())
        self._clients.move_to_end(client_id)
        if len(self._clients) > _CLIENTS:
            self._clients.popitem(last=False)
        return client
