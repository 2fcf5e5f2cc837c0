"""Two nets of dendrites as one: each tells what it expects, and a gain for each learns how far it is to be heard.

What travels is a net's opinion of each decision on a token's path, in steps of a quarter: 8 bytes for a byte of text.
Neither net changes by it: the gains that learn here are of the pair, and of neither.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from realnet.core.dendrite_memory import ROWS
from realnet.core.state import Float32, Float64
from realnet.dendrites.learner import DendriteLearner
from realnet.kernels.tree_mix import mix_, mix_all_
from realnet.tokens.ids import Tokens

Opinions: TypeAlias = NDArray[np.int8]  # ln(p / (1 - p)) of decisions, in steps of 1/4

MOST_SYMBOLS = 4096  # of nets that may be linked: before a token all its decisions are told, one byte each
_STEPS = 4.0
_EDGE = 11.9


class Decided(NamedTuple):
    """What a net expected of T tokens, by the decisions on their paths.

    Attributes:
        ids: (T,) the tokens that came.
        one: (T, D) how probable a 1 was at each decision.
    """

    ids: Tokens
    one: Float32


def opinions_of(one: Float32) -> Opinions:
    """Return what travels of decisions, of any shape."""
    return np.round(np.clip(_stretched(one) * _STEPS, -127, 127)).astype(np.int8)


class Speaker:
    """Tells another net what this one expects of its tokens: by a fork that adapts to them. This one learns nothing.

    The fork is made anew where the net has got other lines or other contexts since: by growth, a sleep or a restore.
    """

    def __init__(self, learner: DendriteLearner) -> None:
        """Begin with nothing in mind. Raises ValueError for a net that cannot be linked."""
        check_linked(learner)
        self._fork = learner.fork(adapts=True)
        self._fork.net.forget()

    def hear(self, learner: DendriteLearner, ids: Tokens) -> Opinions:
        """Return (T, D), each token's before it was heard; `learner` is the live net. Raises ValueError."""
        if self._fork.net.memory.lines is not learner.net.memory.lines:
            check_linked(learner)
            self._fork = learner.fork(adapts=True)
            self._fork.net.forget()
        leaves = self._fork.leaves.of_tokens[ids]
        return opinions_of(self._fork.net.run(leaves, 0.0, decides=True).decided)

    def expects(self) -> Opinions:
        """Return (2^D,) of all decisions of the next token, by node."""
        return opinions_of(self._fork.net.decisions())


class Mixture:
    """Hears two nets as one. The first is the own one; the other's opinions are `Opinions`."""

    def __init__(self, learner: DendriteLearner) -> None:
        """Begin by hearing each half. Raises ValueError for a net that cannot be linked."""
        check_linked(learner)
        self._leaves, self.symbols = learner.leaves, learner.vocabulary.size
        self._gains, self._uses = np.zeros((1 + ROWS, 3)), np.zeros(1 + ROWS, np.int64)
        self._gains[0] = 0, 0.5, 0.5

    @property
    def depth(self) -> int:
        return (self.symbols - 1).bit_length()

    @property
    def gains(self) -> tuple[float, float]:
        """Return how far the own net and the other are heard, at all decisions."""
        return float(self._gains[0, 1]), float(self._gains[0, 2])

    def learn(self, own: Decided, other: Opinions) -> Float64:
        """Return (3, T) how probable the own net, the other and both together made each token; learn whom to hear."""
        leaves, mine, others = self._leaves.of_tokens[own.ids], _stretched(own.one), _heard(other)
        answers = leaves[:, None] >> np.arange(self.depth)[::-1] & 1
        probability = np.empty((3, len(leaves)))
        for row, each in enumerate((mine, others)):
            (1 / (1 + np.exp(np.where(answers, -each, each)))).prod(axis=1, out=probability[row])
        mix_(self.symbols, self.depth, leaves, mine, others, self._gains, self._uses, probability[2])
        return probability

    def expected(self, own: Float32, other: Opinions, temperature: float = 1.0) -> Float64:
        """Return (V,) how probable both make each token; `own` and `other` are of all decisions, by node.

        At a temperature above 0 each decision is sharpened by 1 / temperature.
        """
        by_leaf = np.empty(self.symbols)
        mix_all_(self.symbols, self.depth, _stretched(own), _heard(other), self._gains, temperature, by_leaf)
        by_token: Float64 = by_leaf[self._leaves.of_tokens]
        return by_token


def recent_of(learner: DendriteLearner) -> Tokens:
    """Return the tokens that a net has in mind, oldest first."""
    return learner.leaves.tokens[learner.net.recent()]


def check_linked(learner: DendriteLearner) -> None:
    """Raise ValueError for a net that cannot be linked with another."""
    if not learner.interface.adapts:
        raise ValueError("a compact net cannot be linked")
    if learner.vocabulary.size > MOST_SYMBOLS:
        raise ValueError(f"a net of more than {MOST_SYMBOLS} tokens cannot be linked")


def _stretched(one: Float32) -> Float64:
    p = np.clip(one.astype(np.float64), 1e-5, 1 - 1e-5)
    return np.log(p / (1 - p))


def _heard(opinions: Opinions) -> Float64:
    heard: Float64 = np.clip(opinions / _STEPS, -_EDGE, _EDGE)
    return heard
