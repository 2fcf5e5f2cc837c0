"""Files made small by what a net of dendrites expects, and made whole again by the same net."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np

from realnet.dendrites.coder import LOW, PLACE, begin
from realnet.dendrites.learner import DendriteLearner
from realnet.dendrites.wiring import VARIANTS, Variant

Progress = Callable[[int], None]  # is told how many bytes are done

_MAGIC, _VERSION = b"\x8fRNC", 1
_HEADER = struct.Struct("<4sBBQI32s")  # magic, version, variant, bytes, their CRC-32, the net's state
_CHECKED = struct.Struct("<I")  # CRC-32 of the header
_NEWBORN = bytes(32)
_OWN = 0  # the variant of a net that is not newborn; else its place in VARIANTS, + 1
_MOST = 70_000  # times the coded bytes: a byte takes at least 8 * 1.4e-5 bits
_PIECE = 2**16


def compress(data: bytes, net: DendriteLearner | Variant = "standard", progress: Progress | None = None) -> bytes:
    """Return `data` coded by what a net expects, byte for byte, while it learns them.

    Args:
        data: anything; also nothing.
        net: a newborn of this variant, or a learner, which learns the data.
        progress: called now and then.
    """
    variant, state, learner = _opened(net)
    coder, coded = begin(), np.empty(2 * _PIECE, np.uint8)
    pieces: list[bytes] = []
    array, at = np.frombuffer(data, np.uint8).copy(), 0
    while at < len(array):
        at = learner.net.code(array[: at + _PIECE], at, False, coded, coder)
        pieces.append(coded[: int(coder[PLACE])].tobytes())
        coder[PLACE] = 0
        if progress is not None:
            progress(at)
    pieces.append(int(coder[LOW]).to_bytes(4, "big") if len(array) else b"")
    header = _HEADER.pack(_MAGIC, _VERSION, variant, len(data), zlib.crc32(data), state)
    return b"".join([header, _CHECKED.pack(zlib.crc32(header)), *pieces])


def decompress(coded: bytes, net: DendriteLearner | None = None, progress: Progress | None = None) -> bytes:
    """Return what `compress` was given.

    Args:
        coded: what `compress` returned.
        net: the learner that it was given, as it was then, if it was given one; it learns the data.
        progress: called now and then.

    Raises:
        ValueError: it is none, it is damaged, or it was made with another net.
    """
    variant, length, checksum, state = _read_header(coded)
    learner = _found(variant, state, net)
    body = np.frombuffer(coded, np.uint8)[_HEADER.size + _CHECKED.size :].copy()  # a kernel wants it writable
    coder, data, at = begin(body), np.empty(length, np.uint8), 0
    while at < length:
        at = learner.net.code(data[: at + _PIECE], at, True, body, coder)
        if progress is not None:
            progress(at)
        if int(coder[PLACE]) > len(body) + 4:
            break
    whole = data.tobytes()
    if at < length or zlib.crc32(whole) != checksum:
        raise ValueError("the file is damaged: its checksum is another")
    return whole


def length_of(coded: bytes) -> int:
    """Return how many bytes were compressed. Raises ValueError if it cannot be told."""
    return _read_header(coded)[1]


def _read_header(coded: bytes) -> tuple[int, int, int, bytes]:
    """Return the variant, the bytes, their checksum and the net's state. Raises ValueError."""
    header = coded[: _HEADER.size]
    if len(coded) < _HEADER.size + _CHECKED.size or header[:4] != _MAGIC:
        raise ValueError("not a file that realnet has compressed")
    _, version, variant, length, checksum, state = _HEADER.unpack(header)
    if version != _VERSION:
        raise ValueError(f"compressed in version {version}, this program reads {_VERSION}")
    if _CHECKED.unpack_from(coded, _HEADER.size)[0] != zlib.crc32(header):
        raise ValueError("the file is damaged, at its beginning")
    if length > _MOST * len(coded):
        raise ValueError("the file is damaged: it is too short for what it is said to hold")
    return variant, length, checksum, state


def _opened(net: DendriteLearner | Variant) -> tuple[int, bytes, DendriteLearner]:
    if isinstance(net, DendriteLearner):
        return _OWN, bytes.fromhex(net.checkpoint().state_sha256()), net
    learner = DendriteLearner.create(net)
    return 1 + list(VARIANTS).index(net), _NEWBORN, learner


def _found(variant: int, state: bytes, net: DendriteLearner | None) -> DendriteLearner:
    if variant != _OWN:
        if net is not None:
            raise ValueError("it was compressed with a newborn net, not with the one that is given")
        if variant > len(VARIANTS):
            raise ValueError(f"there is no variant number {variant}")
        return DendriteLearner.create(list(VARIANTS)[variant - 1])
    if net is None:
        raise ValueError(f"it was compressed with a net of state {state.hex()}: give that")
    if (given := net.checkpoint().state_sha256()) != state.hex():
        raise ValueError(f"it was compressed with a net of state {state.hex()}, and the one given is {given}")
    return net
