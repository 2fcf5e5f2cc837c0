"""Places for what runs at once, of which no caller may take all from the others."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import Limited, Overloaded


class Places:
    """`total` places in all. One key may hold half of them; where there are no keys, one caller may hold all.

    A caller is named by its `space`, which is empty where there are no keys.
    """

    def __init__(self, total: int, what: str) -> None:
        self._total = total
        self._what = what
        self._held: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """Return how many places are taken."""
        return self._held.total()

    def take(self, space: str) -> None:
        """Raises Overloaded if all places are taken, and Limited if the caller holds its share of them."""
        if self.taken >= self._total:
            raise Overloaded(f"all {self._total} places for {self._what} are taken")
        share = (self._total + 1) // 2 if space else self._total
        if self._held[space] >= share:
            raise Limited(f"one key may hold {share} of the {self._total} places for {self._what}", 1)
        self._held[space] += 1

    def release(self, space: str) -> None:
        self._held[space] -= 1
        if not self._held[space]:
            del self._held[space]

    @contextmanager
    def held(self, space: str) -> Iterator[None]:
        """Take a place until the end of the block. Raises as `take`."""
        self.take(space)
        try:
            yield
        finally:
            self.release(space)
