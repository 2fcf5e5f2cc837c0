"""Which neurons fired at the last ticks, while somebody looks: of a net with one matrix."""

import time
from collections import deque
from dataclasses import dataclass

import numpy as np

from realnet import LiveNet
from service.engine.wanted import LEASE_SECONDS
from service.replica.replica import Replica

_TICKS = 48  # that are kept
_MOST = 128  # neurons of a tick: those that fire most
_SECONDS = 0.05  # from one to the next


@dataclass(slots=True, frozen=True)
class Firing:
    """A tick, the neurons that fired at it, by id, and how much each, in (0, 1]."""

    tick: int
    neurons: list[int]
    activity: list[float]


class Firings:
    """Looks at the net after a step of the engine, at most 20 times a second, for ten seconds after the last request.

    On the engine's thread.
    """

    def __init__(self) -> None:
        self._kept: deque[Firing] = deque(maxlen=_TICKS)
        self._until = self._next = 0.0  # monotonic seconds

    def asked(self, replica: Replica) -> list[Firing]:
        """Return the last ticks that were looked at, oldest first, and go on looking."""
        self._until = time.monotonic() + LEASE_SECONDS
        self.look(replica)
        return list(self._kept)

    def look(self, replica: Replica) -> None:
        if not self._until:
            return
        now, net = time.monotonic(), replica.learner.net
        if now > self._until:
            self._until = 0.0
            self._kept.clear()
        elif now >= self._next and isinstance(net, LiveNet):
            self._next = now + _SECONDS
            if self._kept and net.tick < self._kept[-1].tick:  # a restore
                self._kept.clear()
            if not self._kept or net.tick > self._kept[-1].tick:
                self._kept.append(_firing(net))


def _firing(net: LiveNet) -> Firing:
    state = net.state
    fired = np.flatnonzero(state)
    if len(fired) > _MOST:
        fired = np.sort(np.argpartition(state, -_MOST)[-_MOST:])
    return Firing(net.tick, fired.tolist(), state[fired].round(3).tolist())
