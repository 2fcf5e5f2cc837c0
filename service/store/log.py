"""What every log does: blocks of bytes behind one another, durable when they are said to be."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True, frozen=True)
class Block:
    """Bytes that were appended together, or near each other; `name` is its place."""

    name: str
    data: bytes


class Log(Protocol):
    """Appended to at the end, cut only there, trimmed only at the beginning; one thread of one process owns it.

    The calls block, for seconds where the store is in trouble, and may raise StoreError. What is appended has numbers
    that rise: `seq` is the first number in it.
    """

    on_loss: Callable[[], object]  # called where something that was appended is found to be gone; appends go on

    def blocks(self) -> Iterator[Block]:
        """All of it in order."""
        ...

    def append(self, seq: int, data: bytes, durable: bool) -> None:
        """Whole when it returns, and on the disk if `durable`. If it raises, `repair` comes before anything else."""

    def sync(self) -> None:
        """All that was appended is on the disk when it returns."""

    def repair(self) -> None:
        """Take back whatever an append that raised has left, or may yet leave."""

    def cut(self, name: str, offset: int) -> None:
        """Drop all from this byte of the last block that is not empty on."""

    def trim(self, seq: int) -> None:
        """Blocks that end before this number may go."""

    def clear(self) -> None:
        """Drop everything."""

    def close(self) -> None: ...
