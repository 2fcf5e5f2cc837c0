"""Records as bytes, and what is found wrong with them.

A record is a head of 24 bytes (a mark, its number, the length of its body, and a CRC-32 each of body and head) and a
body in MessagePack. The head has a checksum of its own, so that a length is believed only if it is what was written.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from service.journal.records import OriginRecord, Record, RestoreRecord, WeightUpdateRecord
from service.store.base import Block

MARK = b"RNJ1"
_HEAD = struct.Struct("<4sQIII")
_CHECKED = _HEAD.size - 4  # of the head's own checksum
_MOST = 2**30  # bytes of a body
_ADVICE = ": nothing was changed; restore it from a copy, or cut it there to go on without what follows"

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode_record(seq: int, record: Record) -> bytes:
    body = _encoder.encode(record)
    head = _HEAD.pack(MARK, seq, len(body), zlib.crc32(body), 0)[:_CHECKED]
    return head + zlib.crc32(head).to_bytes(4, "little") + body


class JournalDamaged(Exception):
    """The journal is not what was written, and not merely cut short at its end."""


@dataclass(slots=True)
class JournalScan:
    """What a look at the whole journal tells. Numbers are 0 where there is no such record.

    Of the last restore, of what was refused and of what came home it tells only where that is after the record that was
    looked after.
    """

    first: int = 0
    last: int = 0
    begun: OriginRecord | None = None  # if it is the first
    restored: tuple[int, RestoreRecord] | None = None  # the last
    refused: set[int] = field(default_factory=set)
    adopted: list[tuple[int, WeightUpdateRecord]] = field(default_factory=list)
    torn: tuple[str, int, int] | None = None  # block, from which byte on, and how many
    spoilt: int = 0  # the number of the record that the torn end begins with, if all of its bytes are there
    harmless: list[str] = field(default_factory=list)  # damage, of records that were not looked after


def scan(blocks: Iterable[Block], after: int = 0) -> JournalScan:
    """Check every record with a number greater than `after`; what is wrong before is only told. Raises JournalDamaged.

    Behind damage a record is looked for by its mark, and what is found might be a part of another's body. That does no
    harm: it would have no number after `after`, or what follows it would not be whole or not follow it.
    """
    found = JournalScan()
    damage = ""  # between the last whole record and the next
    for block in blocks:
        if not block.data:
            continue  # begun, and not written to
        if found.torn is not None:
            damage = damage or _damage(*found.torn[:2], found.last, f"{block.name} follows")
        found.torn, found.spoilt, end, is_searched = None, 0, 0, False
        for seq, record, start, record_end in _whole(block.data):
            if start > end:
                is_searched = True
                damage = damage or _damage(block.name, end, found.last, "whole records follow")
            elif found.last and seq != found.last + 1:
                gap = f"journal {block.name}: record {seq} follows record {found.last}, those between are missing"
                damage = damage or gap
            if damage:
                if not found.last < seq <= after + 1:
                    raise JournalDamaged(damage + _ADVICE)
                found.harmless.append(damage)
                damage = ""
            end = record_end
            found.first, found.last = found.first or seq, seq
            match record:
                case OriginRecord() if seq == found.first:
                    found.begun = record
                case RestoreRecord() if seq > after:
                    found.restored = seq, record
                    found.refused.add(record.refused)
                case WeightUpdateRecord() if seq > after:
                    found.adopted.append((seq, record))
                case _:
                    pass
        if end < len(block.data):
            found.torn = block.name, end, len(block.data) - end
            found.spoilt = _spoilt(block.data, end)
            if is_searched and found.last > after:
                damage = _damage(block.name, end, found.last, "was so before")
    if damage:
        raise JournalDamaged(damage + _ADVICE)
    return found


def read_from(blocks: Iterable[Block], seq: int) -> Iterator[tuple[int, Record]]:
    """The records with this number or a greater one, of a journal that was looked through."""
    for block in blocks:
        for number, record, _, _ in _whole(block.data):
            if number >= seq:
                yield number, record


def _whole(data: bytes) -> Iterator[tuple[int, Record, int, int]]:
    """Number, record, beginning and end of each that is whole."""
    start = 0
    while start >= 0:
        end = _end(data, start)
        if end is None:
            start = data.find(MARK, start + 1)
            continue
        _, seq, _, _, _ = _HEAD.unpack_from(data, start)
        try:
            record = _decoder.decode(memoryview(data)[start + _HEAD.size : end])
        except msgspec.DecodeError as error:
            raise JournalDamaged(f"journal record {seq} is of another version: {error}") from error
        yield seq, record, start, end
        start = end


def _end(data: bytes, start: int) -> int | None:
    """Where the record that begins here ends, if it is whole."""
    if (head := _head(data, start)) is None:
        return None
    _, end, checksum = head
    return end if zlib.crc32(memoryview(data)[start + _HEAD.size : end]) == checksum else None


def _spoilt(data: bytes, start: int) -> int:
    """Return the number of the record that begins here if only its checksum is wrong, else 0.

    It was damaged after it was written, or the power failed before all of it was on the disk: a file can then have its
    length already, and zeros or old bytes in it. So it is no reason to refuse a start, but one to say so aloud.
    """
    head = _head(data, start)
    return 0 if head is None else head[0]


def _head(data: bytes, start: int) -> tuple[int, int, int] | None:
    """Number, end and checksum of the record that begins here, if its head is whole and its bytes are there."""
    body = start + _HEAD.size
    if body > len(data):
        return None
    mark, seq, length, checksum, head = _HEAD.unpack_from(data, start)
    if mark != MARK or length > _MOST or zlib.crc32(memoryview(data)[start : start + _CHECKED]) != head:
        return None
    return (seq, body + length, checksum) if body + length <= len(data) else None


def _damage(block: str, offset: int, last: int, what: str) -> str:
    return f"journal {block} is damaged at byte {offset}, after record {last}, and {what}"
