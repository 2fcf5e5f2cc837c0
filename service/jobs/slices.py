"""Cut a data set into episodes, in an order that is always the same for the same seed and epoch."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from realnet.dream import ticks_of_pairs
from realnet.inputs import Input
from service.datasets.catalog import DatasetCatalog
from service.datasets.items import Pairs, Text, Texts, Vectors
from service.datasets.manifest import Dataset
from service.replica.episode import Episode


@dataclass(slots=True)
class EpisodeBatch:
    """Episodes that are run in one go, and up to which of the data set's pieces they lead."""

    episodes: list[Episode] = field(default_factory=list)
    piece: int = 0

    @property
    def ticks(self) -> int:
        return sum(episode.ticks for episode in self.episodes)


@dataclass(slots=True, frozen=True)
class Cut:
    """How to cut: `ticks` about for each batch, `reach` tokens that lead up to a piece that continues a text."""

    ticks: int
    reach: int
    ticks_per_item: int
    held: bool
    seed: int


async def episode_batches(
    catalog: DatasetCatalog, dataset: Dataset, first: int, last: int, cut: Cut, epoch: int | None
) -> AsyncIterator[EpisodeBatch]:
    """Yield the pieces from `first` on, before `last`. Without an epoch they come in their own order."""
    before: Text | None = None
    async for batch in catalog.read(dataset.id, first):
        order = np.arange(min(len(batch), last - batch.start))
        if not len(order):
            return
        if epoch is not None and not isinstance(batch, Texts):
            np.random.default_rng([cut.seed, epoch, batch.start]).shuffle(order)
        if isinstance(batch, Texts):
            episodes = _of_texts(before, batch.pieces[: len(order)], cut)
            before = batch.pieces[-1]
        else:
            episodes = _of_pairs(batch, order, cut) if isinstance(batch, Pairs) else _of_vectors(batch, order, cut)
        for each in _joined(episodes, cut.ticks):
            each.piece += batch.start
            yield each


def _of_texts(before: Text | None, texts: Sequence[Text], cut: Cut) -> Iterator[tuple[Episode, int]]:
    for number, text in enumerate(texts):
        tail = before.tokens[-cut.reach :] if text.continues and before is not None else text.tokens[:0]
        for episode, is_last in _parts(np.concatenate([tail, text.tokens]), len(tail), cut.reach, cut.ticks):
            yield episode, number + is_last
        before = text


def _of_pairs(batch: Pairs, order: NDArray[np.int64], cut: Cut) -> Iterator[tuple[Episode, int]]:
    for number, index in enumerate(order):
        pair = batch.pairs[index]
        whole = np.concatenate([pair.input, pair.target])
        for episode, is_last in _parts(whole, len(pair.input), max(cut.reach, cut.ticks), cut.ticks):
            yield episode, number + is_last


def _parts(tokens: NDArray[np.int32], first: int, reach: int, most: int) -> Iterator[tuple[Episode, bool]]:
    """Cut tokens from `first` on, `most` at once, each part led up to by the `reach` tokens before it."""
    for start in range(first, len(tokens), most):
        lead = min(reach, start)
        yield Episode(Input(tokens=tokens[start - lead : start + most]), lead), start + most >= len(tokens)


def _of_vectors(batch: Vectors, order: NDArray[np.int64], cut: Cut) -> Iterator[tuple[Episode, int]]:
    at_once = max(1, cut.ticks // cut.ticks_per_item)
    for start in range(0, len(order), at_once):
        rows = order[start : start + at_once]
        frames, teachers = ticks_of_pairs(batch.inputs[rows], batch.targets[rows], cut.ticks_per_item, cut.held)
        yield Episode(Input(frames=frames, teachers=teachers)), min(len(order), start + at_once)


def _joined(episodes: Iterator[tuple[Episode, int]], ticks: int) -> Iterator[EpisodeBatch]:
    """Collect episodes into batches of at most `ticks` ticks, and at least one episode."""
    joined = EpisodeBatch()
    for episode, piece in episodes:
        if joined.episodes and joined.ticks + episode.ticks > ticks:
            yield joined
            joined = EpisodeBatch()
        joined.episodes.append(episode)
        joined.piece = piece
    if joined.episodes:
        yield joined
