"""Read a log in a directory as it grows: the end of its newest segment, then the one that follows."""

import os
import time
from pathlib import Path

from service.store.base import Rewritten, StoreError
from service.store.file_log import first_number, segments_in

_LOOK_SECONDS = 0.01  # between two looks at the end of a file
_AT_ONCE = 4 * 2**20


class FileTail:
    """The log in `directory`, from the segment on that may hold numbers greater than `after`."""

    def __init__(self, directory: Path, after: int) -> None:
        self._directory = directory
        self._after = after
        self._segment: Path | None = None
        self._descriptor = -1
        self._offset = 0  # of the first byte that was not read
        self._seen = 0  # bytes that the segment had then

    def next(self, seconds: float, unread: int = 0) -> bytes:
        until = time.monotonic() + seconds
        self._offset -= unread
        try:
            while True:
                if data := self._more(max(_AT_ONCE, 2 * unread)):
                    return data
                if time.monotonic() >= until:
                    return b""
                time.sleep(_LOOK_SECONDS)
        except OSError as error:
            raise StoreError(f"{error.filename or self._segment or self._directory}: {error.strerror}") from error

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _more(self, most: int) -> bytes:
        if self._segment is None:
            return self._read(most) if self._open_first() else b""
        if data := self._read(most):
            return data
        segments = segments_in(self._directory)
        following = next((each for each in segments if each > self._segment), None)
        if following is None:
            if segments and self._segment not in segments:
                raise Rewritten(f"{self._segment} is gone, and no journal follows it")
            return b""
        if data := self._read(most):  # written before the next one was begun
            return data
        self._open(following)
        return self._read(most)

    def _open_first(self) -> bool:
        segments = segments_in(self._directory)
        before = [each for each in segments if first_number(each) <= self._after + 1]
        if not segments:
            return False
        self._open(before[-1] if before else segments[0])
        return True

    def _open(self, segment: Path) -> None:
        self.close()
        self._descriptor = os.open(segment, os.O_RDONLY | os.O_CLOEXEC)
        self._segment, self._offset, self._seen = segment, 0, 0

    def _read(self, most: int) -> bytes:
        """Return what is behind the offset, if anything was appended since the last call."""
        assert self._segment is not None
        found = os.fstat(self._descriptor)
        if found.st_size < self._offset:
            raise Rewritten(f"{self._segment} is shorter than what was read of it")
        if found.st_nlink == 0 and self._segment.exists():
            raise Rewritten(f"{self._segment} is another file now")
        if found.st_size == self._seen:
            return b""
        data = os.pread(self._descriptor, most, self._offset)
        self._offset += len(data)
        self._seen = self._offset
        return data
