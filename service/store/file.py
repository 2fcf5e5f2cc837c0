"""A store in a directory: every key is a file, written under another name and then renamed."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from service.store.base import StoreError, check_key, check_prefix, is_key
from service.store.keys import TEMPORARY

CALL_SECONDS = 30.0  # fsync of 16 MiB on a bad disk takes seconds; a network disk that is gone takes for ever
T = TypeVar("T")


class FileStore:
    """A store in a directory, which one process owns; it is created by the first `put` or `ping`.

    One thread does all the work, in the order asked for. So a call that was cancelled or timed out while the disk was
    at it can still take effect later, but never after a call that was made after it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="file-store")
        self._tidied: set[Path] = set()  # the directories without leftovers: to look into all takes long with many nets

    async def put(self, key: str, value: bytes) -> None:
        path = self._root / check_key(key)
        await self._in_worker(lambda: self._put(path, value))

    async def get(self, key: str) -> bytes | None:
        path = self._root / check_key(key)
        return await self._in_worker(lambda: _read(path))

    async def get_all(self, keys: Sequence[str]) -> list[bytes | None]:
        paths = [self._root / check_key(key) for key in keys]
        return await self._in_worker(lambda: [_read(path) for path in paths])

    async def delete(self, key: str) -> None:
        path = self._root / check_key(key)
        await self._in_worker(lambda: self._delete(path))

    async def swap(self, key: str, old: bytes, new: bytes | None) -> bool:
        path = self._root / check_key(key)
        return await self._in_worker(lambda: self._swap(path, old, new))

    async def keys(self, prefix: str) -> list[str]:
        check_prefix(prefix)
        return await self._in_worker(lambda: self._keys(prefix))

    async def ping(self) -> None:
        await self._in_worker(self._probe)

    async def close(self) -> None:
        await asyncio.to_thread(self._worker.shutdown)

    async def _in_worker(self, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._worker, work)
        except TimeoutError as error:
            raise StoreError(f"{self._root}: no answer within {CALL_SECONDS:g} s") from error
        except OSError as error:
            raise StoreError(f"{error.filename or self._root}: {error.strerror}") from error

    def _put(self, path: Path, value: bytes) -> None:
        make_directory(path.parent)
        if path.parent not in self._tidied:
            remove_leftovers(path.parent)
            self._tidied.add(path.parent)
        descriptor, name = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(value)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            self._remove_empty_directories(path)
            raise
        sync_directory(path.parent)

    def _delete(self, path: Path) -> None:
        try:
            path.unlink()
        except FileNotFoundError:
            return
        sync_directory(path.parent)
        self._remove_empty_directories(path)

    def _swap(self, path: Path, old: bytes, new: bytes | None) -> bool:
        if _read(path) != old:
            return False
        if new is None:
            self._delete(path)
        else:
            self._put(path, new)
        return True

    def _remove_empty_directories(self, path: Path) -> None:
        """Remove the directories that this file was the only one of."""
        with contextlib.suppress(OSError):  # ends at the first that isn't empty
            for directory in path.relative_to(self._root).parents[:-1]:
                (self._root / directory).rmdir()
                self._tidied.discard(self._root / directory)

    def _keys(self, prefix: str) -> list[str]:
        found = []
        for directory, _, names in os.walk(self._root / prefix.rpartition("/")[0], onerror=_raise_unless_absent):
            folder = Path(directory).relative_to(self._root)
            if self._tidied and any(name.startswith(TEMPORARY) for name in names):  # it is no other process's
                remove_leftovers(Path(directory))
                self._remove_empty_directories(Path(directory) / TEMPORARY)
            found += [key for key in ((folder / name).as_posix() for name in names) if key.startswith(prefix)]
        return sorted(key for key in found if is_key(key))

    def _probe(self) -> None:
        make_directory(self._root)
        tempfile.TemporaryFile(prefix=TEMPORARY, dir=self._root).close()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def make_directory(path: Path) -> None:
    """Make a directory, and those that it is in, durably."""
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(exist_ok=True)
        sync_directory(path.parent)


def remove_leftovers(directory: Path) -> None:
    """Remove what a process has left in a directory that was killed in the middle of a put."""
    for name in names_in(directory):
        if name.startswith(TEMPORARY):
            (directory / name).unlink(missing_ok=True)


def names_in(directory: Path) -> list[str]:
    """Return the names of all that is in a directory, none where there is no directory."""
    try:
        return [path.name for path in directory.iterdir()]
    except FileNotFoundError:
        return []


def sync_directory(path: Path) -> None:
    """Make new and removed names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _raise_unless_absent(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
