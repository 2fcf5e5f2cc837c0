"""The lock of a store in a directory: one server has it to itself."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from service.store.base import StoreError, StoreInUse, StoreLost
from service.store.file import make_directory
from service.store.keys import LOCK_FILE


class FileLock:
    """A lock that the system releases however the process ends, and that nobody can take before."""

    def __init__(self, directory: Path) -> None:
        self.fence: Mapping[str, str] = {}
        self.lost: str | None = None
        self._directory = directory
        self._path = directory / LOCK_FILE
        self._descriptor = -1
        self._checking = threading.Lock()  # each net of the store has a thread that checks
        self._harm: str | None = None

    async def take(self, waits: bool = True) -> None:
        try:
            self._descriptor = self._locked()
        except BlockingIOError:
            raise StoreInUse(f"{self._directory} is in use by another server") from None
        except OSError as error:
            raise StoreError(f"{error.filename or self._directory}: {error.strerror}") from error

    async def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def check(self) -> None:
        """Raise StoreLost where the lock's file was removed or replaced, and with it perhaps the whole store.

        A removed one is taken again, so that the net can still be saved; where that fails, and where it was replaced,
        the store may be another server's, and `lost` says so.
        """
        with self._checking:
            if self._harm is None and self._descriptor >= 0:
                self._harm = harm_of(self._path, self._descriptor)
                if self._harm is not None:
                    self._take_again()
            if self._harm is not None:
                raise StoreLost(f"the store was taken away: {self._harm}")

    def _take_again(self) -> None:
        try:
            descriptor = self._locked(os.O_EXCL)
        except OSError:
            self.lost = f"the store was taken away: {self._harm}"
        else:
            os.close(self._descriptor)
            self._descriptor = descriptor

    def _locked(self, flags: int = 0) -> int:
        import fcntl  # not on Windows

        make_directory(self._directory)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor


def harm_of(path: Path, descriptor: int) -> str | None:
    """Tell what has happened to the name of an open file: None while it still leads to that file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return f"{path} is gone"
    return None if os.path.samestat(found, os.fstat(descriptor)) else f"{path} is another file now"
