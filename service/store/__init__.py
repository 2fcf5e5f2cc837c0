"""Where bytes are kept: a directory or Redis, behind a Protocol for values and one for logs."""

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from service.store.base import Lock, Log, Members, Store, Tail, check_key
from service.store.file import FileStore
from service.store.file_lock import FileLock
from service.store.file_log import FileLog
from service.store.file_members import FileMembers
from service.store.file_tail import FileTail

if TYPE_CHECKING:
    from service.store.redis_shard_lock import RedisShardLock

NO_REDIS = "set REALNET_STORE to redis://host:port/db"
# Checked here since redis-py takes database 0 for a path that it cannot read, and its errors (and urllib's) repeat what
# they could not read, which is a part of the password where that holds a bare "/", "[" or "#".
_REDIS_URL = re.compile(r"rediss?://([^][/?#@\s]*@)?([^][/?#@:\s]+|\[[0-9a-fA-F:.]+\])(:[0-9]+)?(/[0-9]*)?(\?[^#\s]*)?")


def open_store(url: str, lock: Lock | None = None) -> Store:
    """Return the store at `file:///absolute/dir`, `file:relative/dir`, `redis://host:port/db` or `rediss://…`.

    In Redis it is written to only while it is `lock`'s. Nothing is read, written or connected to yet. Raises ValueError
    without repeating the URL: it may hold a password.
    """
    if (directory := directory_of(url)) is not None:
        return FileStore(directory)
    from service.store.redis import RedisStore  # not at the top: importing redis takes a fifth of a second

    return RedisStore(url, lock)


def open_log(url: str, key: str, lock: Lock | None = None) -> Log:
    """Return the log named `key` in the store at `url`, which is written to only while the store is `lock`'s.

    Nothing is connected to yet. Raises ValueError as `open_store`.
    """
    if (directory := directory_of(url)) is not None:
        return FileLog(directory / check_key(key), lock)
    from service.store.redis_log import RedisLog

    return RedisLog(url, check_key(key), lock)


def open_tail(url: str, key: str, after: int) -> Tail:
    """Return what reads the log named `key` from number `after` on, perhaps with some before it. As `open_log`."""
    if (directory := directory_of(url)) is not None:
        return FileTail(directory / check_key(key), after)
    from service.store.redis_tail import RedisTail

    return RedisTail(url, check_key(key), after)


def open_members(url: str) -> Members:
    """Return what the servers on the store at `url` tell of themselves. Raises ValueError as `open_store`."""
    if (directory := directory_of(url)) is not None:
        return FileMembers(directory)
    from service.store.redis_members import RedisMembers

    return RedisMembers(url)


def open_lock(url: str) -> Lock:
    """Return the lock of the store at `url`, not yet taken. Raises ValueError as `open_store`."""
    if (directory := directory_of(url)) is not None:
        return FileLock(directory)
    from service.store.redis_lock import RedisLock

    return RedisLock(url)


def open_shard_lock(url: str, shard: int, count: int) -> "RedisShardLock":
    """Return the lock of a shard of the cluster at `url`, not yet taken. Raises ValueError where that is no Redis."""
    if directory_of(url) is not None:
        raise ValueError(f"a cluster keeps its nets in Redis, where all of its machines reach them: {NO_REDIS}")
    from service.store.redis_shard_lock import RedisShardLock

    return RedisShardLock(url, shard, count)


def directory_of(url: str) -> Path | None:
    """Return the directory of a store, None for Redis. Raises ValueError as `open_store`."""
    if url.startswith("file:"):
        parts = urlsplit(url)
        if parts.path and not (parts.netloc or parts.query or parts.fragment):
            return Path(unquote(parts.path))
    elif url.isascii() and _REDIS_URL.fullmatch(url):
        return None
    raise ValueError(
        "a store is file:///absolute/dir, file:relative/dir or redis://:password@host:port/db (other signs as %XX)"
    )
