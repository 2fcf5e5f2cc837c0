"""What servers on one directory tell of themselves: a small file each, in a folder of their own."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from service.store.base import StoreError
from service.store.keys import MEMBERS_FOLDER

FORGOTTEN_SECONDS = 60.0
_SUFFIX = ".json"
T = TypeVar("T")


class FileMembers:
    """Only the names that this class gives are written and removed: all else in the directory is the leader's."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / MEMBERS_FOLDER

    async def tell(self, id: str, what: bytes) -> None:
        await self._in_thread(lambda: self._write(id, what))

    async def all(self) -> list[tuple[bytes, float]]:
        return await self._in_thread(self._read)

    async def leave(self, id: str) -> None:
        await self._in_thread(lambda: (self._folder / (id + _SUFFIX)).unlink(missing_ok=True))

    async def close(self) -> None: ...

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise StoreError(f"{error.filename or self._folder}: {error.strerror}") from error

    def _write(self, id: str, what: bytes) -> None:
        self._folder.mkdir(exist_ok=True)
        unfinished = self._folder / f"{id}.new"
        unfinished.write_bytes(what)
        unfinished.replace(self._folder / (id + _SUFFIX))

    def _read(self) -> list[tuple[bytes, float]]:
        found = []
        now = time.time()
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            with contextlib.suppress(OSError):  # it has left meanwhile
                age = max(0.0, now - path.stat().st_mtime)
                if age > FORGOTTEN_SECONDS:
                    path.unlink()
                else:
                    found.append((path.read_bytes(), age))
        return found
