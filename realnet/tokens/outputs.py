"""What a learner of tokens says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from realnet.core.state import Float32
from realnet.outputs import LEVELS, Column, Level, OutputBatch, includes
from realnet.tokens.ids import Tokens
from realnet.tokens.readout import TOP

TOKEN_COLUMNS = (
    Column("tick", np.int64),
    Column("token", np.int32),
    Column("predicted", np.int32, level="best"),
    Column("probability", np.float32, level="surprise"),
    Column("surprise", np.float32, level="surprise"),
    Column("next_token", np.int32, TOP, level="full"),
    Column("next_probability", np.float32, TOP, level="full"),
)
_OF_LEVEL = {level: [each.name for each in TOKEN_COLUMNS if includes(level, each.level)] for level in LEVELS}
_NOT_COMPUTED: Any = None  # Any, since whoever asked for a column has it and need not prove it to a type checker


class ToldToken(NamedTuple):
    """A token of a generation, with what the net said before it came; a temperature changes none of this."""

    token: int
    probability: float
    likeliest: list[tuple[int, float]]  # tokens, best first, and how probable they were


@dataclass(slots=True)
class TokenOutputs(OutputBatch):
    """One row a token. `predicted`, `probability` and `surprise` (bits) are about `token`, made before it was seen;
    `next_token` and `next_probability` are what is expected after it, best first. None is what nobody asked for."""

    token: Tokens  # (T,)
    predicted: Tokens = _NOT_COMPUTED  # (T,)
    probability: Float32 = _NOT_COMPUTED  # (T,)
    surprise: Float32 = _NOT_COMPUTED  # (T,)
    next_token: Tokens = _NOT_COMPUTED  # (T, 5)
    next_probability: Float32 = _NOT_COMPUTED  # (T, 5)

    def at(self, level: Level) -> TokenOutputs:
        """Return the columns that a level has."""
        return TokenOutputs(**{name: getattr(self, name) for name in _OF_LEVEL[level]})

    @property
    def hits(self) -> NDArray[np.bool_]:
        """Return (T,) whether each token was the one expected most. Raises ValueError without `predicted`."""
        if self.predicted is None:
            raise ValueError("what was expected most was not computed: ask for outputs best or full")
        return np.asarray(self.predicted == self.token)

    def tally(self, teachers: Float32 | None = None, every: int = 1) -> tuple[int, dict[str, float]]:
        """Sum `accuracy` and `surprise` (bits) over all tokens, which are their own teachers.

        Raises ValueError for outputs of less than `best`.
        """
        hits = self.hits
        return len(self), {"accuracy": float(hits.sum()), "surprise": float(self.surprise.sum())}
