"""What each sender taught last, so that what is sent again is not learnt again: one rule for clients and for keys."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from service.journal.records import InputRecord, ObserveRecord

KEY_SECONDS = 24 * 3600.0
CLIENT_SECONDS = 30 * KEY_SECONDS


class Learnt(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The last input of a sender, sent `at` (seconds since 1970, 0 if unknown); no `digest` if none was journalled.

    Of rows of a stream both ticks are the number of their journal record.
    """

    digest: str
    first_tick: int
    last_tick: int
    at: float
    seq: int = 0  # of a client


# By the space of the caller whose names they are; None: by a server that kept all names together, and told no spaces.
Shares: TypeAlias = dict[str | None, dict[str, Learnt]]


@dataclass(slots=True)
class _Share:
    """The names of one caller, in the order of their last inputs."""

    names: OrderedDict[str, Learnt] = field(default_factory=OrderedDict)
    oldest: Learnt | None = None


class SenderTable:
    """The last input of each name, for `seconds` after it: a share for each caller, that no other caller changes.

    There is no clock: time is that of the records, so that the same records give the same table. The engine's thread
    writes, the loop reads.
    """

    def __init__(self, seconds: float, shares: Shares) -> None:
        self.seconds = seconds
        self._shares = {
            space: _Share(OrderedDict(names), next(iter(names.values()), None)) for space, names in shares.items()
        }
        self._before = self._shares.setdefault(None, _Share())
        self._at = 0.0  # of the last record

    def become(self, other: "SenderTable") -> None:
        """Take over another table, which is used no more."""
        self._shares, self._before, self._at = other._shares, other._before, other._at

    def note(self, name: str, record: InputRecord | ObserveRecord, last_tick: int) -> None:
        """Remember that `record` of the sender `name` was learnt, and forget what its caller sent too long before."""
        share = self._shares.get(record.space)
        if share is None:
            share = self._shares[record.space] = _Share()
        if record.space is not None:
            self._before.names.pop(name, None)
        self._at = record.at
        first_tick = last_tick - max(0, record.ticks - 1)
        share.names[name] = Learnt(record.digest, first_tick, last_tick, record.at, record.client_seq)
        share.names.move_to_end(name)
        self._forget(share)

    def get(self, space: str, name: str, now: float) -> Learnt | None:
        """Return what `name` taught last, unless that is too long before `now` (seconds since 1970)."""
        for share in (self._shares.get(space), self._before):
            learnt = None if share is None else share.names.get(name)
            if learnt is not None and self._is_kept(learnt, now):
                return learnt
        return None

    def seconds_until_room(self, space: str, most: int, now: float) -> float:
        """Return how long a new name waits for a place among `most` of its caller's; 0 if there is one."""
        share = self._shares.get(space)
        if len(share.names if share else ()) < most:
            return 0.0
        oldest = share.oldest if share else None
        if oldest is None:
            return self.seconds
        return oldest.at + self.seconds - now if self._is_kept(oldest, now) else 0.0

    def shares(self) -> Shares:
        """Return a copy, and forget all senders that are too old for the last record."""
        for share in self._shares.values():
            self._forget(share)
        return {space: dict(share.names) for space, share in self._shares.items() if share.names}

    def _forget(self, share: _Share) -> None:
        share.oldest = next(iter(share.names.values()), None)
        while share.oldest is not None and not self._is_kept(share.oldest, self._at):
            share.names.popitem(last=False)
            share.oldest = next(iter(share.names.values()), None)

    def _is_kept(self, learnt: Learnt, now: float) -> bool:
        """Return whether it is within the time; always if a time is unknown, or the clock was set back since."""
        return not (learnt.at and now) or now - learnt.at < self.seconds
