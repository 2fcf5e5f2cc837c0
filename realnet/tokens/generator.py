"""Generation by a net of tokens that has a matrix, on a fork."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from realnet.core.state import Float32
from realnet.tokens.ids import Tokens, one_hot
from realnet.tokens.outputs import ToldToken
from realnet.tokens.readout import sample

if TYPE_CHECKING:
    from realnet.tokens.learner import TokenLearner

_SLICE = 1024  # tokens of a prompt that are read at a time
_SLICE_TOLD = 64  # the same, where each is looked at


class Generator:
    """A generation in progress: each token is fed back as the next input. One thread uses it and its net."""

    def __init__(self, fork: TokenLearner, prompt: Tokens, temperature: float, seed: int) -> None:
        self._fork, self._prompt, self._temperature = fork, prompt, temperature
        self._random = np.random.Generator(np.random.PCG64(seed))

    def step(self, count: int) -> list[int]:
        """Return the next `count` tokens; none while there is more of the prompt than is read in one call."""
        if not self._has_read():
            return []
        said = []
        for _ in range(count):
            said.append(sample(self._fork.probabilities(), self._temperature, self._random.random()))
            self._take(said[-1])
        return said

    def step_told(self, count: int, top: int) -> list[ToldToken]:
        """Return the same as `step`, each with how probable it was, and the `top` likeliest tokens there."""
        if not self._has_read():
            return []
        told = []
        for _ in range(count):
            expected = self._fork.probabilities()
            token = sample(expected, self._temperature, self._random.random())
            told.append(_told(token, expected, top))
            self._take(token)
        return told

    def read_told(self, top: int) -> list[ToldToken]:
        """Read a piece of the prompt, and return its tokens in the same form; none when all has been read."""
        piece, self._prompt = self._prompt[:_SLICE_TOLD].tolist(), self._prompt[_SLICE_TOLD:]
        told = []
        for token in piece:
            told.append(_told(token, self._fork.probabilities(), top))
            self._take(token)
        return told

    def _has_read(self) -> bool:
        """Read a piece of the prompt, and return whether that was all."""
        if len(self._prompt):
            self._fork._run(self._prompt[:_SLICE], 0.0)
            self._prompt = self._prompt[_SLICE:]
        return not len(self._prompt)

    def _take(self, token: int) -> None:
        fork = self._fork
        frames, fork._recent = fork.encoder.encode(np.array([token], np.int32), fork._recent)
        fork.net.run(frames, one_hot([token], fork.vocabulary.size), 0.0)


def _told(token: int, expected: Float32, top: int) -> ToldToken:
    likeliest = np.argsort(-expected, kind="stable")[:top]
    pairs = list(zip(likeliest.tolist(), expected[likeliest].tolist(), strict=True))
    return ToldToken(token, float(expected[token]), pairs)
