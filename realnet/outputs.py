"""What a learner says: one row a tick, in columns, of which only those are computed that were asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from realnet.core.state import Float32

Level: TypeAlias = Literal["none", "surprise", "best", "full"]
LEVELS: tuple[Level, ...] = get_args(Level)  # each has what those before it have


def includes(level: Level, other: Level) -> bool:
    """Return whether outputs of `level` have all that those of `other` have. Raises ValueError for an unknown word."""
    if level not in LEVELS:
        raise ValueError(f"outputs is {level!r}, must be one of {', '.join(LEVELS)}")
    return LEVELS.index(level) >= LEVELS.index(other)


def highest(levels: Iterable[Level]) -> Level:
    """Return the level that has all that any of `levels` has; `none` of no level."""
    return max(levels, key=LEVELS.index, default="none")


@dataclass(frozen=True, slots=True)
class Column:
    """One array of an `OutputBatch`.

    Attributes:
        name: the attribute of the batch that holds it.
        dtype: of its numbers.
        width: how many numbers a row has; None: the row is one number.
        level: the lowest at which it is computed.
    """

    name: str
    dtype: type[np.generic]
    width: int | None = None
    level: Level = "none"


@dataclass(slots=True)
class OutputBatch:
    """T rows of outputs; a subclass adds its columns as fields, arrays with T rows each, None if not computed."""

    tick: NDArray[np.int64]  # (T,)

    def __len__(self) -> int:
        return len(self.tick)

    def __getitem__(self, rows: slice) -> Self:
        """Return some of the rows; views, not copies."""
        columns = (getattr(self, name) for name in self.__match_args__)  # the names of all fields
        cut: Any = (None if each is None else each[rows] for each in columns)
        return type(self)(*cut)

    @classmethod
    def joined(cls, batches: Sequence[Self]) -> Self:
        """Join one or more batches, one after the other; a column that one of them lacks is left out."""
        if len(batches) == 1:
            return batches[0]
        return cls(*(_joined([getattr(batch, each.name) for batch in batches]) for each in fields(cls)))

    def tally(self, teachers: Float32 | None = None, every: int = 1) -> tuple[int, dict[str, float]]:
        """Compare the outputs with what they were then made to be.

        Args:
            teachers: (T, n_out), what was forced on the outputs of a net of frames; a net of tokens needs none.
            every: how many ticks an item of a net of frames has: only the last one's answer counts.

        Returns:
            how many answers were compared, and by name the sum over them of each figure.
        """
        raise NotImplementedError


def _joined(columns: Sequence[Any]) -> Any:
    return None if any(each is None for each in columns) else np.concatenate(columns)
