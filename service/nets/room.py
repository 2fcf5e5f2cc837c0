"""The room that nets have in memory, and which of them go cold for others."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from service.auth.share import Share
from service.errors import Conflict

_ENDING = 4  # nets that may be about to end, beside those that are in memory
_RECENT_SECONDS = 60.0  # what was used within them goes by whose it is


class InMemory(Protocol):
    """A net that is in memory, or about to be.

    Attributes:
        is_let_in: it has one of the places.
        of: whose it is: who used it last.
        used: when that was.
        limits: the shares that it is in and that have a limit of bytes.
    """

    name: str
    end: asyncio.Event
    is_let_in: bool
    nbytes: int
    of: str
    used: float
    limits: tuple[Share, ...]

    @property
    def can_be_closed(self) -> bool: ...


H = TypeVar("H", bound=InMemory)


class Room(Generic[H]):
    """Room for at most `most` nets, of about `most_bytes`; `nets` are in the order of their last use.

    Those used longest ago go first; among those that were used a moment ago, those of who has most: so one who goes
    through a thousand nets pushes out his own, and not the few of another. `shares` returns those shares of keys that
    have a limit of bytes. To keep it, nets of that share go, and no others.
    """

    def __init__(
        self, nets: Mapping[str, H], most: int, most_bytes: int, shares: Callable[[], tuple[Share, ...]]
    ) -> None:
        self._nets, self._most, self._most_bytes = nets, most, most_bytes
        self._shares, self._known = shares, shares()

    @property
    def nbytes(self) -> int:
        return sum(net.nbytes for net in self._nets.values() if not net.end.is_set())

    def limits_of(self, name: str) -> tuple[Share, ...]:
        """Return the shares with a limit that a net is in."""
        return tuple(share for share in self._known if share.includes(name))

    def is_for(self, net: H) -> bool:
        """Return whether a net may be opened, and have others end where it may not."""
        return self._is_in_shares_for(net) and self._has_a_place()

    def why_not(self, net: H) -> str:
        """Return why a net may not be opened yet, for its user."""
        if self._is_in_shares_for(net):
            return f"all {self._most} nets that may be in memory at once are in use"
        return "all nets that fit into the memory of a key's share are in use"

    def keep(self) -> None:
        """Have nets end that take too much, or more than a share that was changed meanwhile."""
        if (shares := self._shares()) is not self._known:
            self._known = shares
            for net in self._nets.values():
                net.limits = self.limits_of(net.name)
        left = self.nbytes
        while left > self._most_bytes and (last := self._next(lambda each: each.nbytes)) is not None:
            last.end.set()
            left -= last.nbytes
        by_share: dict[Share, list[H]] = {}
        for net in self._nets.values():
            for share in net.limits:
                if _counts(net):
                    by_share.setdefault(share, []).append(net)
        for share, own in by_share.items():
            _is_within(share, own)

    def _has_a_place(self) -> bool:
        """Return whether one more may be opened, and have the next end where none may.

        Some may be about to end at once, so that whoever wakes a net need not wait for the last snapshot of another.
        """
        if len(self._nets) <= self._most:
            return True
        here = [net for net in self._nets.values() if net.is_let_in]
        ending = sum(net.end.is_set() for net in here)
        if len(here) - ending >= self._most and ending < _ENDING and (last := self._next(lambda _: 1)) is not None:
            last.end.set()
            ending += 1
        return len(here) - ending < self._most and ending <= _ENDING

    def _is_in_shares_for(self, net: H) -> bool:
        nets = self._nets.values()
        return all(
            _is_within(share, [each for each in nets if share in each.limits and _counts(each)], one_more=True)
            for share in net.limits
        )

    def _next(self, weigh: Callable[[H], int]) -> H | None:
        """Return which net goes next, None where all are in use. Of one who has most, nets `weigh` most together."""
        nets = self._nets.values()
        first = next((net for net in nets if net.can_be_closed), None)
        if first is None or time.monotonic() - first.used >= _RECENT_SECONDS:
            return first
        weights: Counter[str] = Counter()
        for net in nets:
            weights[net.of] += weigh(net) if _counts(net) else 0
        owners = (of for of, _ in weights.most_common())
        closable = (next((net for net in nets if net.of == of and net.can_be_closed), None) for of in owners)
        return next((net for net in closable if net is not None), None)


def _counts(net: InMemory) -> bool:
    return net.is_let_in and not net.end.is_set()


def _is_within(share: Share, nets: list[H], one_more: bool = False) -> bool:
    """Have some of the nets of a share end until they are within its limit; return whether they are.

    What is not open yet, and perhaps `one_more`, is taken to be as large as the others.
    """
    while nets:
        sizes = [net.nbytes for net in nets if net.nbytes]
        mean = sum(sizes) // max(1, len(sizes))
        if mean * (len(nets) - len(sizes) + one_more) + sum(sizes) <= (share.max_bytes or 0):
            break
        if (last := next((net for net in nets if net.can_be_closed), None)) is None:
            return False
        last.end.set()
        nets.remove(last)
    return True


def check_size(what: str, nbytes: int, share: Share) -> None:
    """Raise Conflict for what is larger than all of a share."""
    if share.max_bytes is not None and nbytes > share.max_bytes:
        sizes = f"{nbytes / 2**20:.2f} MiB, and the nets of a key may take {share.max_bytes / 2**20:.2f} MiB together"
        raise Conflict(f"{what} takes {sizes}")
