"""The weights that a fit has made, and those of the fork that it began with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realnet import Checkpoint, LiveNet
from realnet.learners import Learner

Rows = NDArray[np.float32]


@dataclass(slots=True, frozen=True, eq=False)
class WeightUpdate:
    """Fitted weights, as `LiveNet.adopt` takes them."""

    weights: Rows
    base: Rows | None
    alive: NDArray[np.bool_] | None

    @classmethod
    def of(cls, fitted: bytes, fork: bytes | None) -> "WeightUpdate":
        """Read the weights of two snapshots. Raises ValueError."""
        state = Checkpoint.from_bytes(fitted).state()
        base = None if fork is None else Checkpoint.from_bytes(fork).state().stored_weights()
        return cls(state.stored_weights(), base, state.alive)

    def by(self, learner: Learner) -> bool:
        """Put the weights into a net. Return False, with nothing changed, for a net of another shape."""
        if not isinstance(learner.net, LiveNet):
            return False
        try:
            learner.net.adopt(self.weights, self.base, self.alive)
        except ValueError:
            return False
        return True
