"""What a learner says: one row a tick, in columns that describe themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from realnet.core.state import Float32


@dataclass(frozen=True, slots=True)
class Column:
    """One array of an `OutputBatch`.

    Attributes:
        name: the attribute of the batch that holds it.
        dtype: of its numbers.
        width: how many numbers a row has; None: the row is one number.
        path: where a row's numbers belong in a document, as keys from the outside in; none: at `name`. Columns whose
            path begins alike are read side by side: `("next", "token")` and `("next", "probability")` are a list
            `next` of objects with `token` and `probability`.
    """

    name: str
    dtype: type[np.generic]
    width: int | None = None
    path: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Return `path`, or `name` where there is none."""
        return self.path or (self.name,)


@dataclass(slots=True)
class OutputBatch:
    """T rows of outputs; a subclass adds its columns as fields, arrays with T rows each."""

    tick: NDArray[np.int64]  # (T,)

    def __len__(self) -> int:
        return len(self.tick)

    def __getitem__(self, rows: slice) -> Self:
        """Return some of the rows; views, not copies."""
        return type(self)(*[getattr(self, name)[rows] for name in self.__match_args__])  # the names of all fields

    @classmethod
    def joined(cls, batches: Sequence[Self]) -> Self:
        """Join one or more batches, one after the other."""
        if len(batches) == 1:
            return batches[0]
        return cls(*(np.concatenate([getattr(batch, each.name) for batch in batches]) for each in fields(cls)))

    def tally(self, teachers: Float32 | None = None, every: int = 1) -> tuple[int, dict[str, float]]:
        """Compare the outputs with what they were then made to be.

        Args:
            teachers: (T, n_out), what was forced on the outputs of a net of frames; a net of tokens needs none.
            every: how many ticks an item of a net of frames has: only the last one's answer counts.

        Returns:
            how many answers were compared, and by name the sum over them of each figure.
        """
        raise NotImplementedError
