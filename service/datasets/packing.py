"""Batches made ready for the store. It takes time: call it on a thread."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from service.datasets.codec import encode_batch
from service.datasets.items import DatasetBatch, Pairs, Texts, Vectors
from service.datasets.manifest import DatasetKind


@dataclass(slots=True, frozen=True)
class Packed:
    """An encoded batch. `start` is the number of its first piece."""

    start: int
    data: bytes
    sha256: str


class Packing:
    """Encodes batches one by one, and counts what is in them."""

    def __init__(self, batches: Iterator[DatasetBatch]) -> None:
        self._batches = batches
        self._kind: DatasetKind = "text"
        self._items = self._pieces = 0
        self._tokens: int | None = None
        self._inputs: int | None = None
        self._outputs: int | None = None

    def step(self) -> Packed | None:
        """Return the next batch, encoded, or None at the end. Raises Invalid."""
        batch = next(self._batches, None)
        if batch is None:
            return None
        self._count(batch)
        data = encode_batch(batch)
        return Packed(batch.start, data, sha256_of(data))

    def counts(self) -> dict[str, Any]:
        """Return the fields of a Dataset that the batches so far give."""
        return {
            "kind": self._kind,
            "items": self._items,
            "pieces": self._pieces,
            "tokens": self._tokens,
            "inputs": self._inputs,
            "outputs": self._outputs,
        }

    def _count(self, batch: DatasetBatch) -> None:
        self._pieces += len(batch)
        match batch:
            case Texts(_, pieces):
                self._kind = "text"
                self._items += sum(not piece.continues for piece in pieces)
                self._tokens = (self._tokens or 0) + sum(piece.size for piece in pieces)
            case Pairs(_, pairs):
                self._kind = "pairs"
                self._items += len(pairs)
                self._tokens = (self._tokens or 0) + sum(pair.size for pair in pairs)
            case Vectors(_, inputs, targets):
                self._kind = "vectors"
                self._items += len(batch)
                self._inputs, self._outputs = inputs.shape[1], targets.shape[1]


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
