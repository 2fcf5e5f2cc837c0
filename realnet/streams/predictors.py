"""What value is expected next, and how probable each bin is, by one expert or by two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.streams.numbers import numbers_of, take_numbers_
from realnet.streams.scale import BINS, WIDTH
from realnet.streams.tree import Tree
from realnet.streams.value_options import Expert

GROUPS = 48  # hour of day, and 24 more of weekends
_FADES = 1e-4  # a count loses so much of itself a row
_GROUP_FADES = 8 * _FADES  # of a group a row of its own
_LEAN = 4  # rows that a group weighs against what is known of all rows
_HEAVY = 1e9  # weight at which all are divided
_SHARES: dict[Expert, float] = {"table": 0.0, "mixed": 0.25, "tree": 1.0}  # of the tree
_PLACES = (np.arange(BINS) + 0.5 - BINS / 2) * WIDTH


@dataclass(slots=True)
class Table:
    """Counts of bins and running means, over everything and by the hour of day, those of weekends by themselves.

    An hour leans on the whole.

    Counts fade. Instead of every count each row, the weight of what is counted next grows.
    """

    rows: float = 0.0
    mean: float = 0.0
    error: float = 0.0  # the usual distance of a value from what was expected
    weight: float = 1.0  # of the next in `counts`
    total: float = 0.1 * BINS
    counts: list[float] = field(default_factory=lambda: [0.1] * BINS)
    group_rows: list[float] = field(default_factory=lambda: [0.0] * GROUPS)
    group_means: list[float] = field(default_factory=lambda: [0.0] * GROUPS)
    group_weights: list[float] = field(default_factory=lambda: [1.0] * GROUPS)
    group_totals: list[float] = field(default_factory=lambda: [0.0] * GROUPS)
    group_counts: list[float] = field(default_factory=lambda: [0.0] * (GROUPS * BINS))

    def expected(self, group: int) -> float:
        """Return the place that is expected."""
        rows = min(self.group_rows[group], 50)
        return (self.group_means[group] * rows + self.mean * _LEAN) / (rows + _LEAN)

    def probability(self, group: int, which: int) -> float:
        """Return how probable a bin is."""
        whole = self.counts[which] / self.total
        weight = self.group_weights[group]
        own, total = self.group_counts[group * BINS + which] / weight, self.group_totals[group] / weight
        return (own + _LEAN * whole) / (total + _LEAN) * 0.9999 + 0.0001 / BINS

    def learn(self, group: int, which: int, place: float, limited: bool) -> None:
        """Count a row in; if `limited`, the means learn at most three usual errors of it: an outlier has no echo."""
        error, most = place - self.expected(group), 3 * (self.error + 0.02)
        if limited:
            error = max(-most, min(most, error))
            place = self.expected(group) + error
        self.rows += 1
        self.error += max(1 / self.rows, 0.002) * (abs(error) - self.error)
        self.mean += max(1 / self.rows, 2 * _FADES) * (place - self.mean)
        self.group_rows[group] += 1
        self.group_means[group] += max(1 / self.group_rows[group], 0.02) * (place - self.group_means[group])
        self._count(group, which)

    def _count(self, group: int, which: int) -> None:
        self.weight /= 1 - _FADES
        self.counts[which] += self.weight
        self.total += self.weight
        if self.weight > _HEAVY:
            self.counts = [each / _HEAVY for each in self.counts]
            self.total, self.weight = self.total / _HEAVY, self.weight / _HEAVY
        self.group_weights[group] /= 1 - _GROUP_FADES
        weight = self.group_weights[group]
        self.group_counts[group * BINS + which] += weight
        self.group_totals[group] += weight
        if weight > _HEAVY:
            own = slice(group * BINS, (group + 1) * BINS)
            self.group_counts[own] = [each / _HEAVY for each in self.group_counts[own]]
            self.group_totals[group] /= _HEAVY
            self.group_weights[group] /= _HEAVY


class Predictor:
    """The table, the tree, or both: probabilities and expected places are mixed."""

    def __init__(self, expert: Expert, first: float = 0.0) -> None:
        """Begin with the place of the first row."""
        self._table, self._share = Table(mean=first), _SHARES[expert]
        self._tree = Tree() if self._share else None

    def expect(self, hour: int, which: int) -> tuple[float, float]:
        """Return the place that is expected at an hour of the week, and how probable a bin is."""
        group = _group_of(hour)
        place, probability = self._table.expected(group), self._table.probability(group, which)
        if self._tree is None:
            return place, probability
        said = self._tree.probabilities(hour)
        place += self._share * (float(said @ _PLACES) - place)
        return place, probability + self._share * (float(said[which]) - probability)

    def learn(self, hour: int, which: int, place: float, limited: bool) -> None:
        """Learn a row right after it was asked what is expected of it; as `Table.learn`."""
        self._table.learn(_group_of(hour), which, place, limited)
        if self._tree is not None:
            self._tree.learn(which, place)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of all that is learnt, by name."""
        tree = {} if self._tree is None else self._tree.arrays()
        return {"table": numbers_of(self._table)} | {f"tree {name}": each for name, each in tree.items()}

    def take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `arrays` returned; only for a newborn. Raises ValueError or KeyError."""
        take_numbers_(self._table, arrays["table"])
        if self._tree is not None:
            self._tree.take({name.removeprefix("tree "): each for name, each in arrays.items()})


def _group_of(hour: int) -> int:
    """Return the group of an hour of the week."""
    return hour % 24 + 24 * (hour >= 24 * 5)
