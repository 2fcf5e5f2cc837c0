"""A disk that a test may let fail."""

import errno
import os
from pathlib import Path


class Disk:
    """Drops what it could not write, as Linux does: to sync once more succeeds, and proves nothing."""

    def __init__(self, directory: Path) -> None:
        self.fails = False
        self._directory = directory
        self._synced: dict[Path, int] = {}
        self._fdatasync, self._fsync = os.fdatasync, os.fsync

    def fdatasync(self, descriptor: int) -> None:
        segment = max(self._directory.glob("*.journal"))
        if self.fails:
            with segment.open("r+b") as file:
                file.seek(self._synced.get(segment, 0))
                file.write(bytes(segment.stat().st_size - file.tell()))
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._fdatasync(descriptor)
        self._synced[segment] = segment.stat().st_size

    def fsync(self, descriptor: int) -> None:
        if self.fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._fsync(descriptor)
