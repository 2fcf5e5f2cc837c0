"""Lines as they are compared: cut, with one 0 for each number, and the words of that as tokens."""

from __future__ import annotations

import re
import zlib

import numpy as np
from numpy.typing import NDArray

LONGEST = 300  # bytes of a line; the rest is not read
WORDS = 2**16  # tokens: 0 is the end of a line, all others are hashes of words
_MOST_WORDS = 60  # of a line
_HEX = "[0-9a-fA-F]"
_UUID = rf"\b{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}\b"
_NUMBER = re.compile(rf"{_UUID}|\b(?:0x)?{_HEX}{{6,}}\b|\d+")
_SURROGATE = re.compile("[\ud800-\udfff]")  # what stands for a byte that is no UTF-8


def cut(text: str) -> str:
    """Return what is read of a line: not the space around it, and nothing that is too far or no UTF-8."""
    return _SURROGATE.sub("\ufffd", text.strip()[:LONGEST])


def masked(text: str) -> str:
    """Return a line without the space around it, cut, and with 0 for each number, also hexadecimal and UUID."""
    text = cut(text).replace("\n", " ")
    return _NUMBER.sub("0", text.encode()[:LONGEST].decode(errors="ignore"))


def word_tokens(line: str) -> list[int]:
    """Return the tokens of the words of a masked line, and of its end."""
    words = line.split()[:_MOST_WORDS]
    return [zlib.crc32(word.encode()) % (WORDS - 1) + 1 for word in words] + [0]


def byte_tokens(line: str) -> list[int]:
    """Return the bytes of a masked line, and of its end."""
    return [*line.encode(), ord("\n")]


def as_array(lines: list[str]) -> NDArray[np.uint8]:
    """Return masked lines as one array, for a checkpoint."""
    return np.frombuffer("".join(f"{line}\n" for line in lines).encode(), np.uint8)


def from_array(array: NDArray[np.uint8]) -> list[str]:
    """Return the lines of such an array. Raises ValueError if it is none."""
    text = array.tobytes().decode()
    if array.dtype != np.uint8 or (text and not text.endswith("\n")):
        raise ValueError("what should be lines are none")
    return text.split("\n")[:-1]
