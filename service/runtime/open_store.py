"""A store that this server has to itself, for as long as it is open."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from service.runtime.birth import CannotStart
from service.store import directory_of, open_lock, open_log, open_members, open_store, open_tail
from service.store.base import Lock, Log, Members, Store, StoreError, Tail

_logger = logging.getLogger(__name__)


@dataclass(slots=True, frozen=True)
class OpenStore:
    """Everything that is kept in one place; one or more nets live on it. `directory` is None where that is Redis."""

    url: str
    store: Store
    lock: Lock
    members: Members
    directory: Path | None

    def log(self, key: str) -> Log:
        """Open the log of this name, which only the holder of the lock writes to."""
        return open_log(self.url, key, self.lock)

    def tail(self, key: str, after: int) -> Tail:
        """Open what reads the log of this name as it grows, from number `after` on."""
        return open_tail(self.url, key, after)


@asynccontextmanager
async def opened_store(
    url: str, locks: bool = True, lock_of: Callable[[str], Lock] = open_lock
) -> AsyncIterator[OpenStore]:
    """Take the lock of the store at `url`, unless not to, and let go of it at the end. Raises CannotStart."""
    try:
        lock = lock_of(url)
        store, members = open_store(url, lock), open_members(url)
    except ValueError as error:
        raise CannotStart(str(error)) from error
    try:
        try:
            if locks:
                await lock.take()
        except StoreError as error:
            raise CannotStart(str(error)) from error
        directory = directory_of(url)
        _logger.info("everything is kept in %s", "Redis" if directory is None else directory.absolute())
        yield OpenStore(url, store, lock, members, directory)
    finally:
        await members.close()
        await store.close()
        await lock.release()
