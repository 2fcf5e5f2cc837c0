"""A link with another server's net: what this net expects of its inputs, and what the other does, heard as one."""

import asyncio
import logging
import time
from collections import deque
from secrets import token_hex
from typing import NamedTuple

import numpy as np

from realnet.dendrites.opinions import Decided, Mixture
from service.errors import PeerFailed, Refused
from service.links.connection import Connection
from service.links.messages import MOST_TOKENS
from service.links.tally import Bits, Tally
from service.peers import Peer

_MOST_WAITING = 65_536  # tokens whose opinions are still to be asked for; older ones are missed
_AGAIN_SECONDS, _MOST_AGAIN_SECONDS = 1.0, 30.0  # between two tries, which are doubled
_logger = logging.getLogger(__name__)


class LinkState(NamedTuple):
    """How a link is, and what it brings.

    Attributes:
        since: seconds since 1970.
        why_not: why the other net is not heard, None while it is.
        tokens: that both have heard.
        missed: tokens that the other net was not asked about, since it did not answer, or too slowly.
        gains: how far the own net and the other are heard.
    """

    id: str
    url: str
    since: float
    why_not: str | None
    tokens: int
    missed: int
    gains: tuple[float, float]
    all: Bits | None
    last: Bits | None


class Link:
    """Hears another net beside this one. On the loop; nothing of this net waits for it, or changes by it."""

    def __init__(self, peer: Peer, vocabulary: str, mixture: Mixture) -> None:
        self.id, self.peer, self.since = token_hex(4), peer, time.time()
        self.mixture = mixture
        self._vocabulary = vocabulary
        self._waiting: deque[Decided] = deque()
        self._waits = self._missed = 0
        self._came = asyncio.Event()
        self._why_not: str | None = None
        self._tally = Tally()

    @property
    def state(self) -> LinkState:
        tally = self._tally
        told = self._why_not, tally.tokens, self._missed, self.mixture.gains, tally.all, tally.last
        return LinkState(self.id, self.peer.url, self.since, *told)

    def connection(self) -> Connection:
        """Return a connection to the other net, to be opened; what it hears there begins with nothing in mind."""
        return Connection(self.peer, self._vocabulary, self.mixture)

    def hear(self, decided: Decided) -> None:
        """Take what this net expected of an input; the oldest that waits is missed where there is too much."""
        if self._why_not is not None:
            self._missed += len(decided.ids)
            return
        self._waiting.append(decided)
        self._waits += len(decided.ids)
        while self._waits > _MOST_WAITING:
            self._waits -= (missed := len(self._waiting.popleft().ids))
            self._missed += missed
        self._came.set()

    async def run(self, connection: Connection) -> None:
        """Hear the other net over an open connection, and over new ones where it breaks, until it is cancelled."""
        while True:
            try:
                await self._converse(connection)
            except PeerFailed as error:
                self._lose(str(error))
            finally:
                await connection.close()
            connection = await self._opened_again()
            self._why_not = None

    async def _opened_again(self) -> Connection:
        """Return a new connection, as soon as the other server answers."""
        wait = _AGAIN_SECONDS
        while True:
            await asyncio.sleep(wait)
            wait = min(2 * wait, _MOST_AGAIN_SECONDS)
            connection = self.connection()
            try:
                await connection.open()
            except Refused as error:
                self._why_not = str(error)
            else:
                return connection

    def _lose(self, why: str) -> None:
        _logger.warning("the link %s is silent: %s", self.id, why)
        self._why_not = why
        self._missed += self._waits
        self._waits = 0
        self._waiting.clear()

    async def _converse(self, connection: Connection) -> None:
        """Ask for opinions of all that comes, and learn from them whom to hear. Raises PeerFailed."""
        while True:
            while not self._waiting:
                self._came.clear()
                await self._came.wait()
            decided = self._taken()
            try:
                opinions = await connection.opinions(decided.ids)
            except PeerFailed:
                self._missed += len(decided.ids)
                raise
            self._tally.add(-np.log2(self.mixture.learn(decided, opinions)))

    def _taken(self) -> Decided:
        """Take as much of what waits as one message may have."""
        taken, room = list[Decided](), MOST_TOKENS
        while self._waiting and room:
            ids, one = self._waiting.popleft()
            if len(ids) > room:
                self._waiting.appendleft(Decided(ids[room:], one[room:]))
            taken.append(Decided(ids[:room], one[:room]))
            room -= len(taken[-1].ids)
        self._waits -= MOST_TOKENS - room
        return Decided(*(np.concatenate(parts) for parts in zip(*taken, strict=True)))
