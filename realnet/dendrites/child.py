"""ChildNet: dendrites over a parent's. It knows what that knows from the first token on, and changes only its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from realnet.core.state import Float32, ShortTerm
from realnet.dendrites.birth import LEAST_LINES, MOST_LINES, check_lines
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.overlay import Overlay
from realnet.dendrites.overlay_packing import packed_over, rebased, unpacked_over
from realnet.dendrites.parent import Parent
from realnet.dendrites.reader import Reader

LINES = 2**14  # of a child's own, by default: 1 MiB


class ChildNet(DendriteNet):
    """A net of dendrites with few lines of its own over those of a parent, which it shares with any number of others.

    A context's line is looked for among its own first, and then in the parent. A line is copied when it is first
    learnt; where there is no room the least used of three is dropped, and is then the parent's again. So it is with the
    rows of output maps. Gains, histories and the mind are its own from birth on, as the parent's were.
    """

    _mind: Overlay

    def __init__(self, parent: Parent, lines: int = LINES) -> None:
        """Make a newborn, which has in mind what the parent had. Raises ValueError."""
        check_lines("lines", lines, LEAST_LINES, MOST_LINES)
        self._begin(parent.wiring, parent.symbols, lines)
        self._mind, self._reader = Overlay.born(parent, lines), parent.reader()
        self.tick, self.learning_rate = parent.tick, parent.learning_rate

    @property
    def parent(self) -> Parent:
        """Return the parent that it is over."""
        return self._mind.parent

    def rebase(self, parent: Parent) -> None:
        """Go on over another parent, a newer one of the same wiring: what is its own stays.

        Raises ValueError, with nothing changed.
        """
        self._check_own()
        if (parent.wiring, parent.symbols) != (self.wiring, self.symbols):
            raise ValueError("the other parent has other contexts or tokens")
        if parent.sha256 == self.parent.sha256:
            return
        _keep_own(self._reader, int(self._remembered.lived[0]) - self.parent.lived)
        self._mind = rebased(self._mind, parent)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a packed copy of all of its own that is learnt and in mind, by name."""
        return packed_over(self._mind) | {name: each.copy() for name, each in self._reader.words().items()}

    def take(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` returned. Raises ValueError, or KeyError for one that is missing."""
        reader = self._encoder.nothing_read()
        mind = unpacked_over(self.parent, self.lines, arrays, reader)
        for name, each in reader.words().items():
            each[...] = arrays[name]
        self._mind, self._reader = mind, reader

    def adopt(self, other: DendriteNet) -> NoReturn:
        """Raises ValueError: it keeps its parent's wiring."""
        raise ValueError("a child keeps its parent's wiring")

    def grow(self, lines: int | None = None, contexts: Sequence[str] = ()) -> NoReturn:
        """Raises ValueError: it keeps its size and its parent's wiring."""
        raise ValueError("a child keeps its size")

    def shrink(self, lines: int) -> NoReturn:
        """Raises ValueError, as `grow` does."""
        raise ValueError("a child keeps its size")

    def take_lines(self, lines: NDArray[np.uint32]) -> NoReturn:
        """Raises ValueError: what children have learnt is merged by `merge_children`."""
        raise ValueError("a child's lines are merged into a new parent")

    def record(self, tokens: NDArray[np.int32]) -> NoReturn:
        """Raises ValueError, as `weights` does."""
        raise ValueError("a child is not fitted")

    def weights(self) -> NoReturn:
        """Raises ValueError: it is not fitted."""
        raise ValueError("a child is not fitted")

    def refit(self, weights: Float32, base: Float32 | None = None) -> NoReturn:
        """Raises ValueError, as `weights` does."""
        raise ValueError("a child is not fitted")


def rebased_mind(mind: ShortTerm, before: Parent, after: Parent) -> ShortTerm:
    """Return a mind that `swap` has set aside, for a child that has gone over from one parent to another since."""
    words = {name: each.copy() for name, each in mind.items() if name != "lived"}
    _keep_own(Reader.of_words(words), int(mind["lived"][0]) - before.lived)
    return words | {"lived": mind["lived"] - before.lived + after.lived}


def _keep_own(reader: Reader, own: int) -> None:
    """Have recalls point to nothing beyond so many tokens: that was the parent's, and is not there any more."""
    distance = reader.recalls["distance"]
    distance[...] = np.where(distance > own, 0, distance)
