"""What a link brings, in bits a token."""

from typing import NamedTuple

import numpy as np

from realnet.core.state import Float64

_LAST = 1000  # tokens


class Bits(NamedTuple):
    """Bits a token: of this net, of the other, and of both heard as one."""

    own: float
    other: float
    both: float


class Tally:
    """Bits of all tokens that were heard, and of the last thousand.

    Attributes:
        tokens: how many they are.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self._sum, self._kept = np.zeros(3), np.zeros((3, 0))

    def add(self, bits: Float64) -> None:
        """Add (3, T)."""
        self.tokens += bits.shape[1]
        self._sum += bits.sum(axis=1)
        self._kept = np.concatenate([self._kept, bits], axis=1)[:, -_LAST:]

    @property
    def all(self) -> Bits | None:
        return Bits(*(self._sum / self.tokens).tolist()) if self.tokens else None

    @property
    def last(self) -> Bits | None:
        return Bits(*self._kept.mean(axis=1).tolist()) if self.tokens else None
