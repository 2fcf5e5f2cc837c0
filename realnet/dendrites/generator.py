"""Generation by a net of dendrites, on a fork."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realnet.dendrites.leaves import Leaves
from realnet.dendrites.net import DendriteNet
from realnet.tokens.ids import Tokens
from realnet.tokens.outputs import ToldToken

_SLICE = 1024  # tokens of a prompt that are read at a time
_SLICE_TOLD = 64  # the same, where the likeliest tokens are searched at each


class DendriteGenerator:
    """A generation in progress: each token is fed back as the next input. One thread uses it and its net."""

    def __init__(self, fork: DendriteNet, leaves: Leaves, prompt: Tokens, temperature: float, seed: int) -> None:
        self._fork, self._leaves, self._temperature = fork, leaves, temperature
        self._prompt = leaves.of_tokens[prompt]
        self._random = np.random.Generator(np.random.PCG64(seed))

    def step(self, count: int) -> list[int]:
        """Return the next `count` tokens; none while there is more of the prompt than is read in one call."""
        if not self._has_read():
            return []
        said: list[int] = []
        for _ in range(count):
            leaf = self._drawn()
            self._fork.run(leaf, 0.0)
            said.append(int(self._leaves.tokens[leaf[0]]))
        return said

    def step_told(self, count: int, top: int) -> list[ToldToken]:
        """Return the same as `step`, each with how probable it was, and the `top` likeliest tokens there."""
        if not self._has_read():
            return []
        return [told for _ in range(count) for told in self._run_told(self._drawn(), top)]

    def read_told(self, top: int) -> list[ToldToken]:
        """Read a piece of the prompt, and return its tokens in the same form; none when all has been read."""
        piece, self._prompt = self._prompt[:_SLICE_TOLD], self._prompt[_SLICE_TOLD:]
        return self._run_told(piece, top)

    def _has_read(self) -> bool:
        """Read a piece of the prompt, and return whether that was all."""
        if len(self._prompt):
            self._fork.run(self._prompt[:_SLICE], 0.0)
            self._prompt = self._prompt[_SLICE:]
        if len(self._prompt):
            return False
        self._fork.adapts = False
        return True

    def _drawn(self) -> NDArray[np.int32]:
        if self._temperature == 0:
            return self._fork.expected(1)[0]
        return np.array([self._fork.draw(self._temperature, self._random)], np.int32)

    def _run_told(self, leaves: NDArray[np.int32], top: int) -> list[ToldToken]:
        said = self._fork.run(leaves, 0.0, top, and_next=False)
        tokens, best = self._leaves.tokens[leaves].tolist(), self._leaves.tokens[said.best].tolist()
        rows = zip(tokens, said.probability.tolist(), best, said.value.tolist(), strict=False)
        return [
            ToldToken(token, probability, [pair for pair in zip(names, values, strict=True) if pair[1] > 0])
            for token, probability, names, values in rows
        ]
