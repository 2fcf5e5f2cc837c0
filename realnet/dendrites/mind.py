"""What a net of dendrites has learnt, which its forks share; it grows, and a fit replaces parts of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import FITTED, Episodes, Memory
from realnet.core.state import Float32
from realnet.dendrites.birth import doubled
from realnet.dendrites.reader import Reader

_NEVER = 2**62


@dataclass(slots=True, eq=False)
class Mind:
    """What is learnt, shared by a net and its forks."""

    memory: Memory
    episodes: Episodes
    max_lines: int

    def adapting(self) -> Mind:
        """Return the same with copies of episodes, gains and mix, and of how many lines are in use."""
        own = {name: getattr(self.memory, name).copy() for name in ("used", "gains", "gain_uses", "mix")}
        episodes = Episodes._make(each.copy() for each in self.episodes)
        return Mind(self.memory._replace(**own), episodes, self.max_lines)

    def flat(self) -> Memory:
        """Return the same arrays as the kernels take them, of one dimension each."""
        return Memory._make(each.reshape(-1) for each in self.memory)

    def asked(self, hashes: Sequence[int]) -> Memory:
        """Return the memory, of which at least the lines that have these hashes are to be read."""
        return self.memory

    def full(self) -> int:
        """Return how many lines may be in use before they are doubled."""
        lines = len(self.memory.lines) - 1
        return lines // 2 if lines < self.max_lines else _NEVER

    def go_through(self, ticks: int, step: Callable[[int, int], int]) -> None:
        """Call `step(done, full)`, which runs ticks from number `done` on until lines are full, until all have run."""
        done = 0
        while done < ticks:
            full = self.full()
            done = step(done, full)
            self.double_if_over(full)

    def double_if_over(self, full: int) -> bool:
        """Double the lines if more than `full` are in use; return whether they are."""
        if self.memory.used[0] <= full:
            return False
        self.memory = doubled(self.memory)
        return True

    def arrays(self, reader: Reader) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, with those of a reader; none that is empty: the wiring does not ask for it."""
        learnt = self.memory._asdict() | self.episodes._asdict()
        return {name: each for name, each in learnt.items() if each.size} | reader.words()

    def of(self, arrays: dict[str, NDArray[Any]]) -> Mind:
        """Return a mind like this one that has these arrays, which were checked."""
        learnt = {name: arrays[name] for name, each in self.memory._asdict().items() if each.size}
        episodes = Episodes(*(arrays[name] for name in Episodes._fields))
        return Mind(self.memory._replace(**learnt), episodes, self.max_lines)

    def weights(self) -> Float32:
        """Return gains, mix and output maps, one after the other: what a fit trains."""
        return np.concatenate([getattr(self.memory, name).ravel() for name in FITTED])

    def refit(self, weights: Float32, base: Float32 | None) -> None:
        """Put fitted weights in; all is as in `DendriteNet.refit`."""
        own = self.weights()
        for each in (weights, own if base is None else base):
            if each.shape != own.shape or each.dtype != own.dtype or not np.isfinite(each).all():
                raise ValueError(f"the weights must be {len(own)} finite numbers of float32")
        made = weights if base is None else own + (weights - base)
        before = [getattr(self.memory, name) for name in FITTED]
        parts = np.split(made, np.cumsum([each.size for each in before])[:-1])
        fitted = [part.reshape(each.shape).copy() for part, each in zip(parts, before, strict=True)]
        for uses, after, each in (
            (self.memory.gain_uses, fitted[0], before[0]),
            (self.memory.map_uses, fitted[2], before[2]),
        ):
            uses[(after != each).any(axis=-1) & (uses == 0)] = 1  # a row that was never used is as at birth
        self.memory = self.memory._replace(**dict(zip(FITTED, fitted, strict=True)))
