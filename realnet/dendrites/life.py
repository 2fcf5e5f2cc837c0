"""What every net of dendrites does as it lives: it counts ticks, rests, and may set its mind aside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from realnet.core.checks import checked_rate
from realnet.dendrites.encoder import Encoder
from realnet.dendrites.reader import Reader
from realnet.dendrites.wiring import Wiring


class Life:
    """A net with something in mind.

    Attributes:
        tick: how many ticks it has lived.
        learning_rate: times the rate of the gains (1); synapses learn by their own uses.
        read_only: it is a fork, and shares its memory with the net that it was forked from.
    """

    preset, device, kernel, seed = "dendrites", "cpu", "cpu", 0
    _reader: Reader

    def _begin(self, wiring: Wiring, symbols: int) -> None:
        self.wiring, self.symbols = wiring, symbols
        self.tick, self.read_only, self._learning_rate = 0, False, 1.0
        self._depth = (symbols - 1).bit_length()
        self._encoder = Encoder(wiring)

    @property
    def learning_rate(self) -> float:
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = checked_rate(value)

    def rest(self, ticks: int) -> None:
        """Count ticks in which nothing moves. Raises ValueError if they are fewer than 0."""
        if ticks < 0:
            raise ValueError("ticks must be at least 0")
        self.tick += ticks

    def forget(self) -> None:
        """Empty the mind, as of a newborn; what the net has learnt stays."""
        self._reader = self._encoder.nothing_read()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Set the mind aside: within, the net begins with nothing in mind; after it, the mind is back."""
        before = self._reader
        self.forget()
        try:
            yield
        finally:
            self._reader = before
