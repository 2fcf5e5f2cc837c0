"""What a job has made of a fork of the net, and puts into the net: fitted weights, another wiring, or merged lines."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from realnet import Checkpoint, DendriteLearner, LiveNet
from realnet.dendrites.merge import NOTHING, with_since
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.share import Lines
from realnet.learners import Learner

Rows = NDArray[np.float32]


class Update(Protocol):
    """What comes home. It is used once."""

    def by(self, learner: Learner) -> bool:
        """Put this into a net. Return False, with nothing changed, if it does not go with it."""
        ...


@dataclass(slots=True, frozen=True, eq=False)
class WeightUpdate:
    """Fitted weights, as `LiveNet.adopt` takes them."""

    weights: Rows
    base: Rows | None
    alive: NDArray[np.bool_] | None

    def by(self, learner: Learner) -> bool:
        if not isinstance(learner.net, LiveNet):
            return False
        try:
            learner.net.adopt(self.weights, self.base, self.alive)
        except ValueError:
            return False
        return True


@dataclass(slots=True, frozen=True, eq=False)
class DendriteUpdate:
    """A net of dendrites of which the net takes over the gains, and the wiring where that is another."""

    made: DendriteLearner
    fork: DendriteLearner | None  # of a fit, of which only what has changed since it counts

    def by(self, learner: Learner) -> bool:
        if not isinstance(learner, DendriteLearner) or learner.vocabulary.name != self.made.vocabulary.name:
            return False
        if learner.tokens_seen < self.made.tokens_seen:  # it was restored to what it was before the fork
            return False
        is_of_same = learner.net.wiring == self.made.net.wiring
        if self.fork is not None and not is_of_same:
            return False
        try:
            if is_of_same:
                learner.net.refit(self.made.net.weights(), None if self.fork is None else self.fork.net.weights())
            else:
                learner.net.adopt(self.made.net)
        except ValueError:
            return False
        return True


@dataclass(slots=True, frozen=True, eq=False)
class LinesUpdate:
    """The lines of a merge, which go on with what the net has learnt since its own were `before`."""

    made: DendriteNet
    before: Lines

    def by(self, learner: Learner) -> bool:
        net, lines = learner.net, self.made.memory.lines
        if not isinstance(net, DendriteNet) or net.wiring.contexts != self.made.wiring.contexts:
            return False
        if len(lines) - 1 > net.max_lines:  # it was made smaller since
            return False
        try:
            net.take_lines(with_since(lines, self.before, net.memory.lines))
        except ValueError:
            return False
        return True


def lines_update_of(merged: bytes, own: bytes | None) -> Update:
    """Read merged lines from the snapshot of a net that has them, and those before from one. Raises ValueError."""
    before = NOTHING if own is None else lines_of(own)
    return LinesUpdate(DendriteLearner.from_checkpoint(Checkpoint.from_bytes(merged)).net, before)


def lines_of(snapshot: bytes) -> Lines:
    """Return the lines of a net of dendrites from its snapshot. Raises ValueError."""
    return np.asarray(Checkpoint.from_bytes(snapshot).arrays["lines"])


def update_of(made: bytes, fork: bytes | None) -> Update:
    """Read what was made from its snapshot and, where only what has changed since it counts, the fork's.

    Raises ValueError.
    """
    checkpoint = Checkpoint.from_bytes(made)
    if checkpoint.config.get("kind") == "dendrites":
        base = None if fork is None else DendriteLearner.from_checkpoint(Checkpoint.from_bytes(fork))
        return DendriteUpdate(DendriteLearner.from_checkpoint(checkpoint), base)
    state = checkpoint.state()
    before = None if fork is None else Checkpoint.from_bytes(fork).state().stored_weights()
    return WeightUpdate(state.stored_weights(), before, state.alive)
