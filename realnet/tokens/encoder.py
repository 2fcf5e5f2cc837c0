"""The recent tokens -> a frame: for every tap k, the code of the last k tokens.

A code is a set of `fired` of the tap's `size` neurons, drawn by a counter-based generator from a hash of seed, tap and
those tokens. So nothing but the seed is stored, and every replica agrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import kernel
from realnet.core.checks import is_whole
from realnet.kernels import SparseFrames
from realnet.tokens.ids import Tokens

NONE = -1  # where there is no token yet
_FURTHEST = 4096  # tokens back that a tap may reach


@dataclass(frozen=True, slots=True)
class Encoder:
    """How recent tokens become a frame: tap number i has the input neurons from `i * size` to `(i + 1) * size`.

    Raises ValueError for numbers by which there is no code.
    """

    taps: tuple[int, ...]
    size: int
    fired: int
    seed: int

    def __post_init__(self) -> None:
        if not self.taps or not all(is_whole(tap) and 1 <= tap <= _FURTHEST for tap in self.taps):
            raise ValueError(f"taps are {self.taps}, must be whole numbers from 1 to {_FURTHEST}")
        if not is_whole(self.size) or not is_whole(self.fired) or not 1 <= self.fired <= self.size:
            raise ValueError(f"fired is {self.fired} of a tap's {self.size} neurons, must be from 1 to as many")
        if not is_whole(self.seed) or not 0 <= self.seed < 2**63:
            raise ValueError(f"seed is {self.seed}, must be in [0, 2**63)")

    @property
    def n_in(self) -> int:
        return len(self.taps) * self.size

    def start(self) -> Tokens:
        """Return what is recent before the first token."""
        return np.full(max(self.taps), NONE, np.int32)

    def encode(self, tokens: Tokens, recent: Tokens) -> tuple[SparseFrames, Tokens]:
        """Return the frames of T tokens after the `recent` ones, and what is recent after them."""
        stream = np.concatenate([recent, np.asarray(tokens, np.int32)])
        width = len(self.taps) * self.fired
        index = np.empty((len(tokens), width), np.int32)
        _encode_(stream, len(recent), np.array(self.taps), self.size, np.uint64(self.seed), index)
        offsets = np.arange(len(tokens) + 1, dtype=np.int64) * width
        frames = SparseFrames(offsets, index.ravel(), np.ones(index.size, np.float32))
        return frames, stream[len(stream) - len(recent) :].copy()


def dense_taps(count: int, taps: Sequence[int], seed: int) -> Encoder:
    """Make balanced codes of `count` input neurons, exactly half of a tap's on: what the literal rule needs."""
    size = count // len(taps)
    return Encoder(tuple(taps), size, size // 2, seed)


@kernel
def _encode_(
    stream: Tokens, first: int, taps: NDArray[np.int64], size: int, seed: np.uint64, index: NDArray[np.int32]
) -> None:
    golden = np.uint64(0x9E3779B97F4A7C15)
    fired = index.shape[1] // len(taps)
    for t in range(len(index)):
        for tap in range(len(taps)):
            context = _mix(_mix(seed) ^ np.uint64(taps[tap]))
            for back in range(taps[tap]):
                context = _mix(context ^ (np.uint64(stream[first + t - back] + 2) * golden))
            code = index[t, tap * fired : (tap + 1) * fired]
            # Floyd's sampling: every set of `fired` out of `size` is equally likely, and one draw each is enough.
            for k in range(fired):
                last = size - fired + k
                context += golden
                drawn = np.int64(_mix(context) >> np.uint64(33)) * (last + 1) >> 31
                for known in range(k):
                    if code[known] == drawn:
                        drawn = last
                        break
                place = k  # kept ascending
                while place > 0 and code[place - 1] > drawn:
                    code[place] = code[place - 1]
                    place -= 1
                code[place] = drawn
            for k in range(fired):
                code[k] += tap * size


@kernel
def _mix(h: np.uint64) -> np.uint64:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))
