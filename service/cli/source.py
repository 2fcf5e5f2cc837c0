"""Read what is to be streamed or watched: a file, from any byte on, a pipe, or a file that grows."""

import asyncio
import gzip
import os
import stat
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO, cast

_LOOK_SECONDS = 0.2  # at a file that may have grown


class Source:
    """A file, or - for standard input; `position` is where the next byte to be read stands in it.

    Of one that is followed, `say` is told where another file takes its place, and where it was cut off. With `unpacks`
    a file whose name ends in .gz is read as what is packed in it.
    """

    def __init__(self, path: str, start: int, follows: bool, say: Callable[[str], None], unpacks: bool = False) -> None:
        self.position = start
        self._path = path
        self._follows = follows
        self._say = say
        self._file = sys.stdin.buffer if path == "-" else _open(path, unpacks)
        mode = os.fstat(self._file.fileno()).st_mode
        self._is_pipe = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or self._file.isatty()
        self.is_file = stat.S_ISREG(mode)
        self.size = os.fstat(self._file.fileno()).st_size if self.is_file and not follows else None

    def close(self) -> None:
        if self._path != "-":
            self._file.close()

    def resume(self, position: int, head: bytes, length: int) -> bool:
        """Begin at a position, and tell whether that is right: the file still begins like that, and is as long."""
        self._file.seek(0)
        if self._file.read(len(head)) != head or self._file.seek(0, os.SEEK_END) < length:
            return False
        self.position = position
        return True

    def read_up_to(self, end: int) -> bytes:
        """Return what a file has from the start on up to a position, with which `blocks` begins then."""
        self._file.seek(self.position)
        data = self._file.read(end - self.position)
        self.position = end
        return data

    async def blocks(self, size: int) -> AsyncIterator[bytes]:
        """Yield what there is from the start on, in blocks of so many bytes at most; an empty one begins it again."""
        skip = self.position
        if self.is_file:
            self._file.seek(skip)
            skip = 0
        async for block in self._piped(size) if self._is_pipe else self._read(size):
            left = block[skip:]
            skip = max(0, skip - len(block))
            if left or not block:
                self.position += len(left)
                yield left

    async def _read(self, size: int) -> AsyncIterator[bytes]:
        while True:
            while block := self._file.read(size):
                yield block
            if not self._follows:
                return
            await asyncio.sleep(_LOOK_SECONDS)
            if self._begins_again():
                yield b""

    def _begins_again(self) -> bool:
        """Begin again where the file was cut off, and once it is all read with another one that has taken its place."""
        now = os.fstat(self._file.fileno())
        if now.st_size < self._file.tell():
            self._say(f"{self._path} was cut off: it is read from its beginning")
            self._file.seek(0)
            self.position = 0
            return True
        try:
            there = Path(self._path).stat()
        except FileNotFoundError:  # it is between two names
            return False
        if (there.st_ino, there.st_dev) != (now.st_ino, now.st_dev) and now.st_size == self._file.tell():
            self._say(f"{self._path} is another file now: it is read from its beginning")
            self._file.close()
            self._file = _open(self._path)
            self.position = 0
            return True
        return False

    async def _piped(self, size: int) -> AsyncIterator[bytes]:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), self._file
        )
        try:
            while block := await reader.read(size):
                yield block
        finally:
            transport.close()


def cut(data: bytes, most: int, has_words: bool) -> tuple[list[bytes], bytes]:
    """Cut bytes into pieces of at most so many, and return also what is left until more comes.

    Where there are words, a text is cut between two of them, or else between two characters: at the last space that
    there is, and what comes after the last of all is left.
    """
    pieces: list[bytes] = []
    while data:
        end = data.rfind(b" ", 1, most + 1) if has_words else min(most, len(data))
        if end < 0:
            if len(data) <= most:
                break
            end = _between_characters(data, most)
        pieces.append(data[:end])
        data = data[end:]
    return pieces, data


def _between_characters(data: bytes, most: int) -> int:
    """Return where a character of UTF-8 begins, at `most` or before, or else the first one after."""
    end = most
    while end > 0 and data[end] & 0xC0 == 0x80:
        end -= 1
    if end == 0:
        end = most
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end += 1
    return end


def _open(path: str, unpacks: bool = False) -> BinaryIO:
    if unpacks and path.endswith(".gz"):
        return cast(BinaryIO, gzip.open(path))
    return open(path, "rb")  # noqa: PTH123
