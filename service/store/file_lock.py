"""That one server has a store to itself."""

import os
from pathlib import Path

from service.store.base import StoreError
from service.store.file import make_directory

_FILE = ".lock"  # begins with a dot, so never a key


class FileLock:
    """Of a directory: the system lets go of it however the process ends, and nobody can take it before."""

    def __init__(self, directory: Path) -> None:
        self.token = ""
        self.lost: str | None = None
        self._directory = directory
        self._descriptor = -1

    async def take(self) -> None:
        import fcntl  # not on Windows

        try:
            make_directory(self._directory)
            self._descriptor = os.open(self._directory / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await self.release()
            raise StoreError(f"{self._directory} is in use by another server") from None
        except OSError as error:
            await self.release()
            raise StoreError(f"{error.filename or self._directory}: {error.strerror}") from error

    async def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
