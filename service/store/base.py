"""What every store has: bytes under keys, logs that are appended to, and a lock that keeps other servers out."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"  # no leading dot: no "..", and dot files stay the store's own
_KEY = re.compile(rf"(?:{_SEGMENT}/)*{_SEGMENT}")
_PREFIX = re.compile(rf"(?:{_SEGMENT}/)*(?:{_SEGMENT})?")


class StoreError(Exception):
    """The store is unreachable, full or unreadable. The message is one line that names the place."""


class StoreInUse(StoreError):
    """Another server has the store."""


class StoreLost(StoreError):
    """The store was taken away from this server, for good: trying again is of no use."""


class Store(Protocol):
    """Bytes under keys.

    A key is one or more segments of `[A-Za-z0-9._-]`, none beginning with a dot, joined by `/`; no key may be the
    folder of another. Any other key or prefix is a ValueError. Every call may raise StoreError. A `put` or `delete`
    that raised may or may not have happened, but never by halves: a reader sees the old value or the new one.
    """

    async def put(self, key: str, value: bytes) -> None:
        """Write a value, or overwrite it, durably."""

    async def get(self, key: str) -> bytes | None:
        """Return a value, None if there is none."""
        ...

    async def get_all(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return a value, or None, for each of these keys, in one call: each as it was at some time of it."""
        ...

    async def delete(self, key: str) -> None:
        """Delete a value, durably; no error if there is none."""

    async def swap(self, key: str, old: bytes, new: bytes | None) -> bool:
        """Overwrite a value, or delete it for None, if it is still the `old` one; return whether it was."""
        ...

    async def keys(self, prefix: str) -> list[str]:
        """Return every key that begins with `prefix`, sorted."""
        ...

    async def ping(self) -> None:
        """Raise StoreError if the store cannot be used now."""

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
    """Bytes that were appended together, or one after another; `name` says where in the log they are."""

    name: str
    data: bytes


class Log(Protocol):
    """Bytes that are appended to at the end, cut only there, and trimmed only at the beginning.

    What is appended has numbers that rise: `seq` is the first number in it. One thread of one process owns a log; only
    `read` is for others, too. The calls block, for seconds where the store is in trouble, and may raise StoreError.
    """

    on_loss: Callable[[], object]  # called where something that was appended is found to be gone; appends go on

    def read(self, after: int = 0) -> Iterator[Block]:
        """Yield, in order, the blocks that may hold numbers greater than `after`, and perhaps one more before them.

        Reading changes nothing and takes no lock. So any process may follow a log that another one writes, by reading
        again after the last number that it has. It must then expect that the last block ends in the middle of what is
        being appended, that the owner takes back by `repair` what it could not make durable, and that blocks which are
        trimmed meanwhile are missing, or raise StoreError.
        """
        ...

    def append(self, seq: int, data: bytes, durable: bool) -> None:
        """Append all of `data`, and put it on the disk if `durable`. If it raises, `repair` must come next."""

    def sync(self) -> None:
        """Put all that was appended on the disk."""

    def check(self) -> None:
        """Raise StoreLost where what is appended no longer goes where a start would find it. Cheap."""

    def repair(self) -> None:
        """Take back whatever an append that raised has left, or may yet leave."""

    def cut(self, name: str, offset: int) -> None:
        """Drop all from byte `offset` of block `name` on, which must be the last that is not empty."""

    def trim(self, seq: int) -> None:
        """Drop the blocks that end before number `seq`, or some of them."""

    def clear(self) -> None:
        """Drop everything."""

    def close(self) -> None: ...


class Rewritten(StoreError):
    """What was read of a log is not in it any more, or what comes next is not behind it."""


class Tail(Protocol):
    """Reads a log that another process writes, as it grows. One thread uses it; nothing is changed or locked."""

    def next(self, seconds: float, unread: int = 0) -> bytes:
        """Return what was appended since the last call, or nothing if nothing comes within so many seconds.

        `unread` bytes at the end of what was returned last were no whole record: they come again, with what follows.
        Raises Rewritten, and StoreError while the store is in trouble.
        """
        ...

    def close(self) -> None: ...


class Members(Protocol):
    """What servers tell of themselves in a store: each writes its own, and all read all."""

    async def tell(self, id: str, what: bytes) -> None:
        """Tell this of the server `id`, in place of what it told before. Forgotten after a minute."""

    async def all(self) -> list[tuple[bytes, float]]:
        """Return what each has told last, and how many seconds ago."""
        ...

    async def leave(self, id: str) -> None: ...

    async def close(self) -> None: ...


class Lock(Protocol):
    """Keeps other servers out of a store."""

    fence: Mapping[str, str]  # in Redis, what these keys hold as long as the store is this server's
    lost: str | None  # in one line, how another server has got the store

    async def take(self, waits: bool = True) -> None:
        """Take the lock, before anything of the store is read. Raises StoreInUse where another server has it.

        A lease of a server of which nobody knows whether it lives is waited for, unless told not to.
        """

    def check(self) -> None:
        """Raise StoreLost where the store is seen to be no longer this server's. For any thread."""

    async def release(self) -> None:
        """Let other servers have the store: nothing is written any more."""
