"""Batches as bytes, and back."""

from itertools import accumulate, pairwise

import msgspec
import numpy as np

from service.datasets.items import DatasetBatch, Pair, Pairs, Text, Texts, Tokens, Vectors


class _Texts(msgspec.Struct, tag="texts", array_like=True):
    """Stored `Texts`: `tokens` of all pieces, in unsigned integers of `width` bytes, little-endian."""

    start: int
    lengths: list[int]
    continued: list[bool]
    width: int
    tokens: bytes


class _Pairs(msgspec.Struct, tag="pairs", array_like=True):
    """Stored `Pairs`: `lengths` and `tokens` of an input, its target, the next input …"""

    start: int
    lengths: list[int]
    width: int
    tokens: bytes


class _Vectors(msgspec.Struct, tag="vectors", array_like=True):
    """Stored `Vectors`: row by row, in float32, little-endian."""

    start: int
    rows: int
    inputs: bytes
    targets: bytes


_decoder = msgspec.msgpack.Decoder(_Texts | _Pairs | _Vectors)


def encode_batch(batch: DatasetBatch) -> bytes:
    """Return a batch in MessagePack."""
    stored: _Texts | _Pairs | _Vectors
    match batch:
        case Texts(start, pieces):
            lengths, width, tokens = _joined([piece.tokens for piece in pieces])
            stored = _Texts(start, lengths, [piece.continues for piece in pieces], width, tokens)
        case Pairs(start, pairs):
            stored = _Pairs(start, *_joined([side for pair in pairs for side in (pair.input, pair.target)]))
        case Vectors(start, inputs, targets):
            stored = _Vectors(start, len(inputs), *(rows.astype("<f4").tobytes() for rows in (inputs, targets)))
    return msgspec.msgpack.encode(stored)


def decode_batch(data: bytes) -> DatasetBatch:
    """Return the batch that was encoded."""
    match _decoder.decode(data):
        case _Texts(start, lengths, continued, width, tokens):
            pieces = _split(lengths, width, tokens)
            return Texts(start, [Text(*each) for each in zip(pieces, continued, strict=True)])
        case _Pairs(start, lengths, width, tokens):
            both = _split(lengths, width, tokens)
            return Pairs(start, [Pair(*each) for each in zip(both[::2], both[1::2], strict=True)])
        case stored:
            sides = (np.frombuffer(each, "<f4").reshape(stored.rows, -1) for each in (stored.inputs, stored.targets))
            return Vectors(stored.start, *sides)


def _joined(sequences: list[Tokens]) -> tuple[list[int], int, bytes]:
    tokens = np.concatenate(sequences)
    smallest = np.min_scalar_type(tokens.max()).newbyteorder("<")
    return [len(each) for each in sequences], smallest.itemsize, tokens.astype(smallest).tobytes()


def _split(lengths: list[int], width: int, tokens: bytes) -> list[Tokens]:
    joined = np.frombuffer(tokens, f"<u{width}").astype(np.int32)
    return [joined[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]
