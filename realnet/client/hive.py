"""What a server tells of the servers that live by one journal."""

from typing import Literal

import msgspec


class HashSeen(msgspec.Struct, frozen=True):
    """The hash of all that a snapshot holds, at a tick; `agrees` is whether the leader's was the same."""

    tick: int
    state_sha256: str
    agrees: bool | None


class Member(msgspec.Struct, frozen=True):
    """A server of a hive: how far into the journal its net is, and what it has read and not lived."""

    id: str
    role: Literal["leader", "follower"]
    url: str
    standby: bool
    state: str
    tick: int
    record: int
    lag_records: int
    lag_ticks: int
    lag_seconds: float
    hash: HashSeen | None
    seen_seconds: float


class Hive(msgspec.Struct, frozen=True):
    """The servers that live by one journal, the leader first; `leader` is its URL, None where nobody leads."""

    id: str
    role: Literal["leader", "follower"]
    leader: str | None
    read_only: bool
    members: list[Member]
