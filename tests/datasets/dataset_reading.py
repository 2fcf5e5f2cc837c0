"""Reads a file as an upload is read, without a server, and looks at what came out."""

import io
from typing import Any, BinaryIO, TypedDict, cast

import pytest

from realnet.interface import Interface
from realnet.vocabulary import Bytes
from service.datasets.codec import decode_batch, encode_batch
from service.datasets.items import PIECE_TOKENS, DatasetBatch, Pairs, Texts, Vectors
from service.datasets.readers.findings import Findings
from service.datasets.readers.read import read
from service.datasets.upload import Format, Upload
from service.errors import Invalid

TOKENS = Interface(1000, 256, Bytes(), 8, (), False)
FRAMES = Interface(3, 2, None, 4, (), True)
MOST = 2**20  # bytes unpacked


class Columns(TypedDict, total=False):
    """The columns of a table; a file of another format has none."""

    inputs: tuple[str, ...]
    targets: tuple[str, ...]


COLUMNS: Columns = {"inputs": ("a", "b", "c"), "targets": ("d", "e")}


def batches(
    content: bytes | BinaryIO, format: Format, interface: Interface, **columns: tuple[str, ...]
) -> list[DatasetBatch]:
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    upload = Upload(file, 0, "", "", format, **columns)
    read_ = list(read(upload, interface, MOST, Findings()))
    for batch in read_:  # as it comes back from the store
        assert repr(decode_batch(encode_batch(batch))) == repr(batch)
    return read_


def places(
    content: bytes | BinaryIO, format: Format, interface: Interface, **columns: tuple[str, ...]
) -> list[dict[str, Any]]:
    """What is found wrong with it."""
    with pytest.raises(Invalid) as caught:
        batches(content, format, interface, **columns)
    return [place.model_dump(exclude_none=True) for place in caught.value.places]


def texts(read_: list[DatasetBatch]) -> list[bytes]:
    whole: list[bytes] = []
    count = 0
    for batch in read_:
        assert isinstance(batch, Texts)
        assert batch.start == count
        count += len(batch)
        for piece in batch.pieces:
            assert 1 <= len(piece.tokens) <= PIECE_TOKENS
            if not piece.continues:
                whole.append(b"")
            else:
                assert len(whole[-1]) % PIECE_TOKENS == 0
            whole[-1] += bytes(piece.tokens.tolist())
    return whole


def pairs(read_: list[DatasetBatch]) -> list[tuple[list[int], list[int]]]:
    assert all(isinstance(batch, Pairs) for batch in read_)
    return [(pair.input.tolist(), pair.target.tolist()) for batch in read_ for pair in cast(Pairs, batch).pairs]


def rows(read_: list[DatasetBatch]) -> list[list[float]]:
    """Of inputs and targets together."""
    assert all(isinstance(batch, Vectors) for batch in read_)
    return [
        [*inputs.tolist(), *targets.tolist()]
        for batch in cast(list[Vectors], read_)
        for inputs, targets in zip(batch.inputs, batch.targets, strict=True)
    ]
