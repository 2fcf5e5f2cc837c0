"""What a learner of tokens says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realnet.core.state import Float32
from realnet.outputs import Column, OutputBatch
from realnet.tokens.ids import Tokens
from realnet.tokens.readout import TOP

TOKEN_COLUMNS = (
    Column("tick", np.int64),
    Column("token", np.int32),
    Column("predicted", np.int32),
    Column("probability", np.float32),
    Column("surprise", np.float32),
    Column("next_token", np.int32, TOP, ("next", "token")),
    Column("next_probability", np.float32, TOP, ("next", "probability")),
)


@dataclass(slots=True)
class TokenOutputs(OutputBatch):
    """One row a token. `predicted`, `probability` and `surprise` (bits) are about `token`, made before it was seen;
    `next_token` and `next_probability` are what is expected after it, best first."""

    token: Tokens  # (T,)
    predicted: Tokens  # (T,)
    probability: Float32  # (T,)
    surprise: Float32  # (T,)
    next_token: Tokens  # (T, 5)
    next_probability: Float32  # (T, 5)

    def tally(self, teachers: Float32 | None = None, every: int = 1) -> tuple[int, dict[str, float]]:
        """Sum `accuracy` and `surprise` (bits) over all tokens, which are their own teachers."""
        hits = self.predicted == self.token
        return len(self), {"accuracy": float(hits.sum()), "surprise": float(self.surprise.sum())}
