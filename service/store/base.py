"""What every store does: bytes under keys, durable when `put` returns."""

import re
from typing import Protocol

_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"  # no leading dot: no "..", and dot files stay the store's own
_KEY = re.compile(rf"(?:{_SEGMENT}/)*{_SEGMENT}")
_PREFIX = re.compile(rf"(?:{_SEGMENT}/)*(?:{_SEGMENT})?")


class StoreError(Exception):
    """The store is unreachable, full or unreadable. The message is one line that names the place."""


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
