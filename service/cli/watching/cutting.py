"""Cut a stream of bytes into lines, and say where each ends."""

from collections.abc import Iterator
from typing import NamedTuple

_MOST = 65_536  # bytes of a line that are read
_LOOKED_AT = 65_536  # bytes by which a file is found to be binary
_HEAD = 1024  # bytes by which a file is known again


class BinaryError(Exception):
    """What is read is no text."""


class RawLine(NamedTuple):
    """A line: its number in its file, from 1, its bytes without the end, where the next one begins, if it was cut."""

    number: int
    data: bytes
    end: int
    is_cut: bool = False


class Cutter:
    """Cuts what comes of one file into lines. `head` is what the file begins with, as far as that has come."""

    def __init__(self) -> None:
        self.begin(0, 0, b"")
        self._bytes, self._nuls = 0, 0  # of all that is looked at

    def begin(self, position: int, number: int, head: bytes) -> None:
        """Go on at a position of a file, after so many lines."""
        self.head = head
        self._handed = position  # up to which it was handed in
        self._read = position  # up to which it was cut
        self._number = number
        self._left: list[bytes] = []  # of a line that is not whole yet, at most _MOST bytes
        self._length = 0  # of that line so far

    def add(self, block: bytes) -> Iterator[RawLine]:
        """Yield the lines that are whole with a block more. Raises BinaryError."""
        self._look_at(block)
        first, *others = block.split(b"\n")
        self._keep(first)
        for part in others:
            yield self._line(1)
            self._keep(part)

    def last(self) -> Iterator[RawLine]:
        """Yield what is left, where the file ends without the end of a line."""
        if self._length:
            yield self._line(0)

    def _keep(self, part: bytes) -> None:
        self._left.append(part[: max(0, _MOST - self._length)])
        self._length += len(part)

    def _line(self, end: int) -> RawLine:
        self._number += 1
        self._read += self._length + end
        data, is_cut = b"".join(self._left).removesuffix(b"\r"), self._length > _MOST
        self._left, self._length = [], 0
        return RawLine(self._number, data, self._read, is_cut)

    def _look_at(self, block: bytes) -> None:
        if (known := len(self.head)) < _HEAD:
            self.head += block[max(0, known - self._handed) :][: _HEAD - known]
        self._handed += len(block)
        if self._bytes < _LOOKED_AT:
            self._bytes += len(block)
            self._nuls += block.count(0)
            if 100 * self._nuls > self._bytes:
                raise BinaryError(f"it is binary: {self._nuls:,} of its first {self._bytes:,} bytes are NUL")
