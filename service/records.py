"""What the journal is made of: records, their bytes, and what is found wrong with them.

A record is a head of 24 bytes (a mark, its number, the length of its body, and a CRC-32 each of body and head) and a
body in MessagePack. The head has a checksum of its own, so that a length is believed only if it is what was written.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.store import Block

MARK = b"RNJ1"
_HEAD = struct.Struct("<4sQIII")
_CHECKED = _HEAD.size - 4  # of the head's own checksum
_MOST = 2**30  # bytes of a body


class _Body(msgspec.Struct, array_like=True, gc=False):
    pass


class Begun(_Body, tag=0):
    """The first of all: what the net was before. `snapshot` is an id; without one it was born with `birth`."""

    snapshot: str | None = None
    birth: dict[str, int | str | None] = {}


class Lived(_Body, tag=1):
    """Tokens or frames that enter after tick `tick`, and who sent them. `rate` is 0 where nothing is learnt."""

    tick: int
    rate: float
    ticks: int
    tokens: bytes | None = None
    frames: bytes | None = None
    teachers: bytes | None = None
    client: str | None = None
    client_seq: int = 0
    key: str | None = None  # of REST
    digest: str = ""
    at: float = 0.0  # seconds since 1970

    def token_ids(self) -> NDArray[np.int32]:
        assert self.tokens is not None
        width = len(self.tokens) // self.ticks
        return np.frombuffer(self.tokens, {1: np.uint8, 2: np.uint16, 4: np.int32}[width]).astype(np.int32)


class Idled(_Body, tag=2):
    """Ticks without input that were computed."""

    tick: int
    rate: float
    ticks: int


class Changed(_Body, tag=3):
    """Null leaves a thing as it is."""

    learning_rate: float | None = None
    plasticity: bool | None = None


class Restored(_Body, tag=4):
    """The net became that of a snapshot. Inputs up to record `after` were learnt before, all others after it.

    The record `refused`, if it is one, was only half learnt and is not learnt again.
    """

    snapshot: str
    sha256: str
    after: int
    refused: int = 0


class Noted(_Body, tag=5):
    """Nothing happened, but somebody may want to know."""

    what: str


Record: TypeAlias = Begun | Lived | Idled | Changed | Restored | Noted

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def packed_tokens(tokens: NDArray[np.int32]) -> bytes:
    """In as few bytes each as will do."""
    most = int(tokens.max(initial=0))
    return tokens.astype(np.uint8 if most < 2**8 else np.uint16 if most < 2**16 else np.int32).tobytes()


def encode(seq: int, record: Record) -> bytes:
    body = _encoder.encode(record)
    head = _HEAD.pack(MARK, seq, len(body), zlib.crc32(body), 0)[:_CHECKED]
    return head + zlib.crc32(head).to_bytes(4, "little") + body


class JournalDamaged(Exception):
    """The journal is not what was written, and not merely cut short at its end."""


@dataclass(slots=True)
class Journalled:
    """What a look at the whole journal tells. Numbers are 0 where there is no such record."""

    first: int = 0
    last: int = 0
    begun: Begun | None = None  # if it is the first
    restored: tuple[int, Restored] | None = None  # the last
    refused: set[int] = field(default_factory=set)
    torn: tuple[str, int, int] | None = None  # block, from which byte on, and how many


def look_through(blocks: Iterable[Block]) -> Journalled:
    """Check every record. Raises JournalDamaged."""
    found = Journalled()
    for block in blocks:
        if not block.data:
            continue  # begun, and not written to
        if found.torn is not None:
            raise JournalDamaged(_damage(*found.torn[:2], found.last, f"{block.name} follows"))
        end = 0
        for seq, record, record_end in _whole(block.data):
            end = record_end
            if found.last and seq != found.last + 1:
                raise JournalDamaged(
                    f"journal {block.name}: record {seq} follows record {found.last}, those between are missing"
                )
            found.first, found.last = found.first or seq, seq
            match record:
                case Begun() if seq == found.first:
                    found.begun = record
                case Restored():
                    found.restored = seq, record
                    found.refused.add(record.refused)
                case _:
                    pass
        if end < len(block.data):
            if _any_whole_after(block.data, end):
                raise JournalDamaged(_damage(block.name, end, found.last, "whole records follow"))
            found.torn = block.name, end, len(block.data) - end
    return found


def read_from(blocks: Iterable[Block], seq: int) -> Iterator[tuple[int, Record]]:
    """The records with this number or a greater one, of a journal that was looked through."""
    for block in blocks:
        for number, record, _ in _whole(block.data):
            if number >= seq:
                yield number, record


def _whole(data: bytes) -> Iterator[tuple[int, Record, int]]:
    """Number, record and end of each, up to the first that is not whole."""
    start = 0
    while (end := _end(data, start)) is not None:
        _, seq, _, _, _ = _HEAD.unpack_from(data, start)
        try:
            record = _decoder.decode(memoryview(data)[start + _HEAD.size : end])
        except msgspec.DecodeError as error:
            raise JournalDamaged(f"journal record {seq} is of another version: {error}") from error
        yield seq, record, end
        start = end


def _end(data: bytes, start: int) -> int | None:
    """Where the record that begins here ends, if it is whole."""
    body = start + _HEAD.size
    if body > len(data):
        return None
    mark, _, length, checksum, head = _HEAD.unpack_from(data, start)
    if mark != MARK or length > _MOST or zlib.crc32(memoryview(data)[start : start + _CHECKED]) != head:
        return None
    if body + length > len(data) or zlib.crc32(memoryview(data)[body : body + length]) != checksum:
        return None
    return int(body + length)


def _any_whole_after(data: bytes, start: int) -> bool:
    place = data.find(MARK, start + 1)
    while place >= 0:
        if _end(data, place) is not None:
            return True
        place = data.find(MARK, place + 1)
    return False


def _damage(block: str, offset: int, last: int, what: str) -> str:
    return (
        f"journal {block} is damaged at byte {offset}, after record {last}, and {what}: "
        "nothing was changed; restore it from a copy, or cut it there to go on without what follows"
    )
