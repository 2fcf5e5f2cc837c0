"""A log in a directory: segments, each a file named after the first number in it."""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from service.store.base import Block, Lock, StoreError, StoreLost
from service.store.file import make_directory, names_in, remove_leftovers, sync_directory
from service.store.file_lock import harm_of
from service.store.keys import TEMPORARY

SEGMENT_BYTES = 16 * 2**20  # and then the next one begins
_SUFFIX = ".journal"


class FileLog:
    """A log in a directory. Each start begins a segment of its own; the first append creates the directory."""

    def __init__(self, directory: Path, lock: Lock | None = None) -> None:
        self.on_loss: Callable[[], object] = lambda: None
        self._directory = directory
        self._lock = lock
        self._segment: Path | None = None  # the one that is appended to
        self._descriptor = -1
        self._size = 0  # bytes of it that are whole
        self._unsynced: list[bytes] = []  # the last of these, which may not be on the disk yet
        self._is_doubtful = False  # a sync has failed: the system may have dropped what it could not write

    def read(self, after: int = 0) -> Iterator[Block]:
        with self._translated():
            segments = segments_in(self._directory)
            for path, following in itertools.zip_longest(segments, segments[1:]):
                if following is None or first_number(following) > after + 1:
                    yield Block(path.name, path.read_bytes())

    def append(self, seq: int, data: bytes, durable: bool) -> None:
        with self._translated():
            if self._segment is None or self._size >= SEGMENT_BYTES:
                self._begin(seq)
            _write(self._descriptor, data)
            if durable:
                self._sync()
            else:
                self._unsynced.append(data)
            self._size += len(data)

    def sync(self) -> None:
        if self._unsynced:
            with self._translated():
                self._sync()

    def check(self) -> None:
        with self._translated():
            if self._lock is not None:
                self._lock.check()
            if self._segment is not None and (harm := harm_of(self._segment, self._descriptor)) is not None:
                raise StoreLost(f"the store was taken away: {harm}")

    def repair(self) -> None:
        if self._segment is None:
            return
        with self._translated():
            if self._is_doubtful:
                self._rewrite(self._segment)
            else:
                os.ftruncate(self._descriptor, self._size)
                self._sync()

    def cut(self, name: str, offset: int) -> None:
        with self._translated(), (self._directory / name).open("r+b") as file:
            file.truncate(offset)
            os.fsync(file.fileno())

    def trim(self, seq: int) -> None:
        with self._translated():
            segments = segments_in(self._directory)
            for path, following in itertools.pairwise(segments):
                if first_number(following) <= seq and path != self._segment:
                    path.unlink()

    def clear(self) -> None:
        self.close()
        with self._translated():
            for path in segments_in(self._directory):
                path.unlink()
            if self._directory.is_dir():
                sync_directory(self._directory)

    def close(self) -> None:
        if self._segment is not None:
            os.close(self._descriptor)
            self._segment = None

    def _begin(self, seq: int) -> None:
        self.sync()
        self.close()
        make_directory(self._directory)
        remove_leftovers(self._directory)
        segment = self._directory / f"{seq:020d}{_SUFFIX}"
        self._descriptor = _opened(segment)
        self._segment, self._size, self._is_doubtful = segment, 0, True
        sync_directory(self._directory)
        self._is_doubtful = False

    def _sync(self) -> None:
        self._is_doubtful = True  # unless this succeeds; to try again would prove nothing
        os.fdatasync(self._descriptor)
        self._is_doubtful = False
        self._unsynced.clear()
        self.check()  # it is on the disk; it must also have a name there

    def _rewrite(self, segment: Path) -> None:
        """Write a segment anew: what was synced is read from it, the rest is still in memory."""
        synced = segment.read_bytes()[: self._size - sum(map(len, self._unsynced))]
        temporary = segment.with_name(TEMPORARY + segment.name)
        descriptor = _opened(temporary)
        try:
            _write(descriptor, b"".join((synced, *self._unsynced)))
            os.fsync(descriptor)
            temporary.replace(segment)
            sync_directory(self._directory)
        except OSError:
            os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._unsynced.clear()
        self._is_doubtful = False

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"{error.filename or self._segment or self._directory}: {error.strerror}") from error


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def segments_in(directory: Path) -> list[Path]:
    """Return the segments of a log, in order."""
    names = (name for name in names_in(directory) if name.endswith(_SUFFIX))
    return [directory / name for name in sorted(names) if name.removesuffix(_SUFFIX).isdecimal()]


def first_number(segment: Path) -> int:
    """Return the number of the first record in a segment."""
    return int(segment.stem)
