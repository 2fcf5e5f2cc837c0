"""The names of all nets, in order, and those of them that a key is for."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator

from service.auth.share import Share

_BEHIND = "\x7f"  # comes behind every sign of a name


class Names:
    """Sorted names. What asks for those of some nets looks at these alone, however many others there are."""

    def __init__(self, names: Iterable[str]) -> None:
        self._all = sorted(names)

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, name: str) -> bool:
        place = bisect_left(self._all, name)
        return place < len(self._all) and self._all[place] == name

    def add(self, name: str) -> None:
        insort(self._all, name)

    def discard(self, name: str) -> None:
        if name in self:
            del self._all[bisect_left(self._all, name)]

    def of(self, share: Share, prefix: str = "", after: str = "") -> Iterator[str]:
        """Yield the names of the share that begin with `prefix`, from the first behind `after` on.

        Nothing may be added meanwhile.
        """
        for first, last, are_all in self._ranges(share, prefix):
            for place in range(max(first, bisect_right(self._all, after)), last):
                if are_all or share.includes(self._all[place]):
                    yield self._all[place]

    def count(self, share: Share) -> int:
        """Return how many names the share includes."""
        found = 0
        for first, last, are_all in self._ranges(share, ""):
            found += last - first if are_all else sum(map(share.includes, self._all[first:last]))
        return found

    def _ranges(self, share: Share, prefix: str) -> Iterator[tuple[int, int, bool]]:
        """Yield where names are that may be of the share, in order, and whether all of them are."""
        for beginning in share.beginnings:
            longer = max(beginning, prefix, key=len)
            if longer.startswith(beginning) and longer.startswith(prefix):
                last = bisect_right(self._all, longer + _BEHIND)
                yield bisect_left(self._all, longer), last, f"{beginning}*" in share.nets
