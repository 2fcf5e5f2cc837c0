"""Records as bytes, and back.

A record is a head of 24 bytes (a mark, its number, the length of its body, and a CRC-32 each of body and head) and a
body in MessagePack. The head has a checksum of its own, so that a length is believed only if it is what was written.
"""

import struct
import zlib
from collections.abc import Iterator

import msgspec

from service.journal.records import Record

MARK = b"RNJ1"
_HEAD = struct.Struct("<4sQIII")
_CHECKED = _HEAD.size - 4  # of the head's own checksum
_MOST = 2**30  # bytes of a body

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode_record(seq: int, record: Record) -> bytes:
    """Return the bytes of record number `seq`."""
    body = _encoder.encode(record)
    head = _HEAD.pack(MARK, seq, len(body), zlib.crc32(body), 0)[:_CHECKED]
    return head + zlib.crc32(head).to_bytes(4, "little") + body


class JournalDamaged(Exception):
    """The journal is not what was written, and not merely cut short at its end."""


def whole_records(data: bytes) -> Iterator[tuple[int, Record, int, int]]:
    """Yield number, record, beginning and end of each whole record. Raises JournalDamaged for another version's."""
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


def spoilt_record(data: bytes, start: int) -> int:
    """Return the number of the record that begins at `start` if only its checksum is wrong, else 0.

    It was damaged after it was written, or the power failed before all of it was on the disk: a file can then have its
    length already, and zeros or old bytes in it. So it is no reason to refuse a start, but one to say so aloud.
    """
    head = _head(data, start)
    return 0 if head is None else head[0]


def _end(data: bytes, start: int) -> int | None:
    """Return where the record that begins at `start` ends, if it is whole."""
    if (head := _head(data, start)) is None:
        return None
    _, end, checksum = head
    return end if zlib.crc32(memoryview(data)[start + _HEAD.size : end]) == checksum else None


def _head(data: bytes, start: int) -> tuple[int, int, int] | None:
    """Return number, end and checksum of the record that begins here, if its head is whole and its bytes are there."""
    body = start + _HEAD.size
    if body > len(data):
        return None
    mark, seq, length, checksum, head = _HEAD.unpack_from(data, start)
    if mark != MARK or length > _MOST or zlib.crc32(memoryview(data)[start : start + _CHECKED]) != head:
        return None
    return (seq, body + length, checksum) if body + length <= len(data) else None
