"""Rows of many streams, as they were in one message, and how many are left out and why."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from service.streams.rows import NAME_LENGTH, Row

_PARTS = 1_000_000  # of a message: series, labels, samples, lines; of nothing much there may else be very many
_DIGEST = 16  # signs at the end of a name that was cut

Source: TypeAlias = Literal["prometheus", "otlp"]

# What becomes of a row: it is taken, or it is …
Became: TypeAlias = Literal[
    "taken",
    "stale",  # a marker that a series has ended
    "unfit",  # no number, time or text that a stream takes
    "histogram",  # a native one
    "late",  # no newer than the last one of its stream: repeated, or out of order
    "early",  # of a time to come
    "beyond_limit",  # of a stream that would be one too many
    "refused",  # by its stream, which is of another kind, or has failed
]


class Malformed(ValueError):
    """What was sent is not what it says it is."""


class TooLarge(ValueError):
    """What was sent becomes too large when it is unpacked."""


@dataclass(slots=True)
class Batch:
    """Rows by the names of their streams, in the order in which they are told."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    dropped: Counter[Became] = field(default_factory=Counter)
    _parts: int = 0

    def note_parts(self, count: int) -> None:
        """Count parts of the message that are to be read. Raises TooLarge for too many."""
        self._parts += count
        if self._parts > _PARTS:
            raise TooLarge(f"{_PARTS} parts of a message at most: series, labels, samples, lines")


def fit_name(name: str) -> str:
    """Return a name that a stream may have: without signs that are not printed, and with a digest for what is cut."""
    if not name.isprintable():
        name = "".join(sign if sign.isprintable() else _escaped(sign) for sign in name)
    if 0 < len(name) <= NAME_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
    return f"{name[: NAME_LENGTH - _DIGEST - 1]}…{digest}"


def _escaped(sign: str) -> str:
    return {"\n": r"\n", "\t": r"\t"}.get(sign) or (
        f"\\u{ord(sign):04x}" if sign < "\U00010000" else f"\\U{ord(sign):08x}"
    )
