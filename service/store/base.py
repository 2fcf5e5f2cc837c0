"""What every store does: bytes under keys, blocks behind one another in a log, and a lock that keeps others out."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"  # no leading dot: no "..", and dot files stay the store's own
_KEY = re.compile(rf"(?:{_SEGMENT}/)*{_SEGMENT}")
_PREFIX = re.compile(rf"(?:{_SEGMENT}/)*(?:{_SEGMENT})?")


class StoreError(Exception):
    """The store is unreachable, full or unreadable. The message is one line that names the place."""


class StoreLost(StoreError):
    """The store was taken away from this server, for good: trying again is of no use."""


class Store(Protocol):
    """Bytes under keys.

    A key is one or more segments of `[A-Za-z0-9._-]`, none beginning with a dot, joined by `/`; no key may be the
    folder of another. Any other key or prefix is a ValueError. Every call may raise StoreError. A `put` or `delete`
    that raised may or may not have happened, but never by halves: a reader sees the old value or the new one.
    """

    async def put(self, key: str, value: bytes) -> None:
        """Write or overwrite; durable when it returns."""

    async def get(self, key: str) -> bytes | None: ...

    async def delete(self, key: str) -> None:
        """Durable when it returns; no error if the key is absent."""

    async def keys(self, prefix: str) -> list[str]:
        """Every key that begins with `prefix`, sorted."""
        ...

    async def ping(self) -> None:
        """Raises StoreError if the store cannot be used now."""

    async def close(self) -> None: ...


def is_key(text: str) -> bool:
    return _KEY.fullmatch(text) is not None


def check_key(key: str) -> str:
    if not is_key(key):
        raise ValueError(f"not a store key: {key!r}")
    return key


def check_prefix(prefix: str) -> str:
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"not the beginning of a store key: {prefix!r}")
    return prefix


@dataclass(slots=True, frozen=True)
class Block:
    """Bytes that were appended together, or near each other; `name` is its place."""

    name: str
    data: bytes


class Log(Protocol):
    """Appended to at the end, cut only there, trimmed only at the beginning; one thread of one process owns it.

    The calls block, for seconds where the store is in trouble, and may raise StoreError. What is appended has numbers
    that rise: `seq` is the first number in it.
    """

    on_loss: Callable[[], object]  # called where something that was appended is found to be gone; appends go on

    def blocks(self) -> Iterator[Block]:
        """All of it in order."""
        ...

    def append(self, seq: int, data: bytes, durable: bool) -> None:
        """Whole when it returns, and on the disk if `durable`. If it raises, `repair` comes before anything else."""

    def sync(self) -> None:
        """All that was appended is on the disk when it returns."""

    def check(self) -> None:
        """Raise StoreLost where what is appended no longer goes where a start would find it. Cheap."""

    def repair(self) -> None:
        """Take back whatever an append that raised has left, or may yet leave."""

    def cut(self, name: str, offset: int) -> None:
        """Drop all from this byte of the last block that is not empty on."""

    def trim(self, seq: int) -> None:
        """Blocks that end before this number may go."""

    def clear(self) -> None:
        """Drop everything."""

    def close(self) -> None: ...


class Lock(Protocol):
    token: str  # what Redis is to know the writes of this server by, if it is Redis
    lost: str | None  # in one line, how another server has got it

    async def take(self) -> None:
        """Before anything of the store is read. Raises StoreError where another server has it; may wait for that."""

    def check(self) -> None:
        """Raise StoreLost, from any thread, where it is seen that the store is no longer this server's."""

    async def release(self) -> None:
        """Nothing is written any more."""
