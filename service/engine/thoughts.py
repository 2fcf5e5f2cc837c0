"""What the net goes on with while nothing comes: a fork's talk from what the net has in mind. Nothing is learnt."""

from realnet import Generator
from service.replica.replica import Replica

TEMPERATURE = 0.8
_KEPT = 200  # tokens that are shown
_AT_ONCE = 16  # tokens: an input that comes meanwhile waits for them, some 1 ms


class Thoughts:
    """Says a token for each tick that is only counted, and begins anew when the net has changed: when an input came.

    The engine's thread thinks; any may read `tokens`, which are None while it does not.
    """

    def __init__(self, is_on: bool) -> None:
        self.tokens: tuple[int, ...] | None = () if is_on else None
        self._generator: Generator | None = None
        self._changes = 0

    @property
    def is_on(self) -> bool:
        return self.tokens is not None

    def turn(self, on: bool) -> None:
        if on != self.is_on:
            self.tokens, self._generator = () if on else None, None

    def go_on(self, ticks: int, replica: Replica) -> None:
        """Think for so many ticks, or for fewer if they are many at once."""
        learner = replica.learner
        if self.tokens is None or learner.interface.vocabulary is None:
            return
        if self._generator is None or replica.changes != self._changes:
            self._changes, self.tokens = replica.changes, ()
            self._generator = learner.generator([], TEMPERATURE, seed=learner.net.tick)
        self.tokens = (*self.tokens, *self._generator.step(min(ticks, _AT_ONCE)))[-_KEPT:]
