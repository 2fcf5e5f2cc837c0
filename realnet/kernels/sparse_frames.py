"""Frames by what is on in them: of 20,000 input neurons some 40 fire at a tick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realnet.core.state import Float32


@dataclass(slots=True)
class SparseFrames:
    """T frames. Of frame t, `index[offsets[t]:offsets[t + 1]]` are on, ascending, with `value` in (0, 1]."""

    offsets: NDArray[np.int64]  # (T + 1,)
    index: NDArray[np.int32]  # (E,)
    value: Float32  # (E,)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @classmethod
    def from_dense(cls, frames: Float32) -> SparseFrames:
        """`frames` is (T, n_in)."""
        ticks, index = np.nonzero(frames)
        offsets = np.zeros(len(frames) + 1, np.int64)
        np.cumsum(np.bincount(ticks, minlength=len(frames)), out=offsets[1:])
        return cls(offsets, index.astype(np.int32), frames[ticks, index])

    @classmethod
    def silent(cls, ticks: int) -> SparseFrames:
        """Nothing is on."""
        return cls(np.zeros(ticks + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))

    def part(self, begin: int, end: int) -> SparseFrames:
        """Return the frames from `begin` on and before `end`."""
        first, last = self.offsets[begin], self.offsets[end]
        return SparseFrames(self.offsets[begin : end + 1] - first, self.index[first:last], self.value[first:last])

    def check(self, n_in: int) -> None:
        """Raises ValueError if a kernel could not trust these frames: it looks at nothing again."""
        counts = np.diff(self.offsets)
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.index) or (counts < 0).any():
            raise ValueError("offsets must begin with 0, ascend and end with the number of indices")
        if len(self.index) != len(self.value):
            raise ValueError(f"there are {len(self.index)} indices for {len(self.value)} values")
        if len(self.index):
            if self.index.min() < 0 or self.index.max() >= n_in:
                raise ValueError(f"an index is outside 0 to {n_in - 1}")
            frame = np.repeat(np.arange(len(self)), counts)
            if ((np.diff(self.index) <= 0) & (np.diff(frame) == 0)).any():
                raise ValueError("the indices of a frame must ascend")
            if not ((self.value > 0) & (self.value <= 1)).all():
                raise ValueError("values must be in (0, 1]")

    def to_dense(self, n_in: int) -> Float32:
        """(T, n_in)"""
        frames = np.zeros((len(self), n_in), np.float32)
        frames[np.repeat(np.arange(len(self)), np.diff(self.offsets)), self.index] = self.value
        return frames
