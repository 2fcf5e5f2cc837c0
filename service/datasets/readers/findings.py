"""The problems found in a file, and its lines, both bounded."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from service.errors import ErrorLocation, Invalid

LINE_BYTES = 8 * 2**20

_MOST = 10
_NAME = 80  # signs of a column's that are told
_SKIPPED_BYTES = 2**20  # of a line that is too long, at once


class Findings:
    """The first problems of a file. With the tenth, `add` raises Invalid with all of them."""

    def __init__(self) -> None:
        self.places: list[ErrorLocation] = []

    def add(
        self, detail: str, pointer: str | None = None, *, line: int | None = None, column: str | None = None
    ) -> None:
        self.places.append(ErrorLocation(detail=detail, pointer=pointer, line=line, column=column and column[:_NAME]))
        if len(self.places) == _MOST:
            self.check()

    def check(self) -> None:
        """Raise Invalid if anything was found."""
        if self.places:
            raise Invalid(self.places)


class Lines:
    """The lines of a file, with their ends, without a byte order mark. Longer ones than `most` bytes are problems."""

    def __init__(self, file: BinaryIO, found: Findings, most: int = LINE_BYTES) -> None:
        self._file, self._found = file, found
        self._most = min(most, LINE_BYTES)
        self.number = 0  # of the last one, from 1

    def __iter__(self) -> Iterator[bytes]:
        while line := self._file.readline(self._most + 1):
            self.number += 1
            if len(line) > self._most:
                self._found.add(f"longer than {self._most:,} bytes", line=self.number)
                while line and not line.endswith(b"\n"):
                    line = self._file.readline(_SKIPPED_BYTES)
            else:
                yield line.removeprefix(codecs.BOM_UTF8) if self.number == 1 else line
