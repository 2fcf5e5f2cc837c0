"""The items of a data set, and the batches that hold them, the same whatever file they came from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

PIECE_TOKENS = 4096  # a longer text is cut, from its beginning on: so token t of a lone text is in piece t // this
PAIR_TOKENS = 65_536  # on either side of a pair, which is not cut

_BATCH_VALUES = 2**20  # tokens or numbers, so 4 MiB in memory
_BATCH_PIECES = 4096
_BLOCK_VALUES = 2**13

Tokens: TypeAlias = NDArray[np.int32]
Rows: TypeAlias = NDArray[np.float32]


@dataclass(slots=True, frozen=True)
class Text:
    """A piece of a text, of 1 to PIECE_TOKENS tokens. `continues`: it belongs to the text of the piece before."""

    tokens: Tokens
    continues: bool

    @property
    def size(self) -> int:
        return len(self.tokens)


@dataclass(slots=True, frozen=True)
class Pair:
    """An input and the target that is to follow it, neither of them empty."""

    input: Tokens
    target: Tokens

    @property
    def size(self) -> int:
        return len(self.input) + len(self.target)


@dataclass(slots=True, frozen=True)
class Texts:
    """Pieces of texts; `start` is the number of the first of them, from 0."""

    start: int
    pieces: list[Text]

    def __len__(self) -> int:
        return len(self.pieces)

    def since(self, start: int) -> "Texts":
        return Texts(max(start, self.start), self.pieces[max(start - self.start, 0) :])


@dataclass(slots=True, frozen=True)
class Pairs:
    """Pairs; `start` is the number of the first of them, from 0."""

    start: int
    pairs: list[Pair]

    def __len__(self) -> int:
        return len(self.pairs)

    def since(self, start: int) -> "Pairs":
        return Pairs(max(start, self.start), self.pairs[max(start - self.start, 0) :])


@dataclass(slots=True, frozen=True)
class Vectors:
    """Rows: `inputs` (n, n_in) and `targets` (n, n_out), in [0, 1]; `start` is the number of the first, from 0."""

    start: int
    inputs: Rows
    targets: Rows

    @property
    def size(self) -> int:
        return self.inputs.size + self.targets.size

    def __len__(self) -> int:
        return len(self.inputs)

    def since(self, start: int) -> "Vectors":
        skipped = max(start - self.start, 0)
        return Vectors(max(start, self.start), self.inputs[skipped:], self.targets[skipped:])


DatasetBatch: TypeAlias = Texts | Pairs | Vectors


def cut(tokens: Tokens) -> Iterator[Text]:
    """Cut a whole text into pieces."""
    for start in range(0, len(tokens), PIECE_TOKENS):
        yield Text(tokens[start : start + PIECE_TOKENS], start > 0)


def blocks(rows: Iterable[tuple[list[float], list[float]]]) -> Iterator[Vectors]:
    """Collect single rows of input and target into blocks of some rows each."""
    size = 0
    waiting: list[tuple[list[float], list[float]]] = []
    for row in rows:
        waiting.append(row)
        size += len(row[0]) + len(row[1])
        if size >= _BLOCK_VALUES:
            yield _block(waiting)
            size, waiting = 0, []
    if waiting:
        yield _block(waiting)


def _block(rows: list[tuple[list[float], list[float]]]) -> Vectors:
    inputs, targets = zip(*rows, strict=True)
    return Vectors(0, np.array(inputs, np.float32), np.array(targets, np.float32))


def batches(parts: "Iterable[Text | Pair | Vectors]") -> Iterator[DatasetBatch]:
    """Collect parts of one kind into batches. Vectors may have any number of rows, and their `start` is ignored."""
    start, size = 0, 0
    waiting: list[Text | Pair | Vectors] = []
    for part in parts:
        waiting.append(part)
        size += part.size
        if size >= _BATCH_VALUES or len(waiting) == _BATCH_PIECES:
            yield (batch := _collected(start, waiting))
            start, size, waiting = start + len(batch), 0, []
    if waiting:
        yield _collected(start, waiting)


def _collected(start: int, parts: "list[Text | Pair | Vectors]") -> DatasetBatch:
    texts = [part for part in parts if isinstance(part, Text)]
    pairs = [part for part in parts if isinstance(part, Pair)]
    blocks = [part for part in parts if isinstance(part, Vectors)]
    if texts:
        return Texts(start, texts)
    if pairs:
        return Pairs(start, pairs)
    return Vectors(
        start, np.concatenate([each.inputs for each in blocks]), np.concatenate([each.targets for each in blocks])
    )
