"""What value is expected next, and how probable each bin is, by one expert or by two: a table of counts, and a tree.

Probabilities and expected places are mixed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_inlined_kernel
from realnet.streams.scale import BINS
from realnet.streams.tree import expected_by_tree, learn_by_tree_, say_
from realnet.streams.value_options import Expert

GROUPS = 48  # hour of day, and 24 more of weekends
_FADES = 1e-4  # a count loses so much of itself a row
_GROUP_FADES = 8 * _FADES  # of a group a row of its own
_LEAN = 4  # rows that a group weighs against what is known of all rows
_HEAVY = 1e9  # weight at which all are divided
SHARES: dict[Expert, float] = {"table": 0.0, "mixed": 0.25, "tree": 1.0}  # of the tree

# Counts of bins and running means, over everything and by the hour of day, those of weekends by themselves. An hour
# leans on the whole. Counts fade: instead of every count each row, the weight of what is counted next grows.
TABLE = np.dtype(
    [
        ("rows", "f8"),
        ("average", "f8"),
        ("error", "f8"),  # the usual distance of a value from what was expected
        ("weight", "f8"),  # of the next in `counts`
        ("total", "f8"),
        ("counts", "f8", (BINS,)),
        ("group_rows", "f8", (GROUPS,)),
        ("group_averages", "f8", (GROUPS,)),
        ("group_weights", "f8", (GROUPS,)),
        ("group_totals", "f8", (GROUPS,)),
        ("group_counts", "f8", (GROUPS * BINS,)),
    ]
)


def begin_table_(table: NDArray[Any], place: float) -> None:
    """Make a table a newborn, that begins with the place of the first row."""
    table.view(np.float64)[:] = 0
    table["average"], table["counts"], table["total"] = place, 0.1, 0.1 * BINS
    table["weight"] = table["group_weights"] = 1


@exact_inlined_kernel
def expect(table: Any, tree: Any, share: float, hour: int, which: int) -> tuple[float, float]:
    """Return the place that is expected at an hour of the week, and how probable a bin is."""
    group = _group_of(hour)
    place = _expected(table, group)
    whole = table.counts[which] / table.total
    weight = table.group_weights[group]
    own, total = table.group_counts[group * BINS + which] / weight, table.group_totals[group] / weight
    probability = (own + _LEAN * whole) / (total + _LEAN) * 0.9999 + 0.0001 / BINS
    if tree is not None:
        said = say_(tree, hour)
        place += share * (expected_by_tree(said) - place)
        probability += share * (said[which] - probability)
    return place, probability


@exact_inlined_kernel
def learn_row_(table: Any, tree: Any, hour: int, which: int, place: float, limited: bool) -> bool:
    """Learn a row right after it was asked what is expected of it; return whether the tree must grow.

    If `limited`, the means learn at most three usual errors of it: an outlier has no echo.
    """
    group, counted = _group_of(hour), place
    error, most = place - _expected(table, group), 3 * (table.error + 0.02)
    if limited:
        error = max(-most, min(most, error))
        counted = _expected(table, group) + error
    table.rows += 1
    table.error += max(1 / table.rows, 0.002) * (abs(error) - table.error)
    table.average += max(1 / table.rows, 2 * _FADES) * (counted - table.average)
    table.group_rows[group] += 1
    table.group_averages[group] += max(1 / table.group_rows[group], 0.02) * (counted - table.group_averages[group])
    _count_(table, group, which)
    return False if tree is None else learn_by_tree_(tree, which, place)


@exact_inlined_kernel
def _expected(table: Any, group: int) -> float:
    rows = min(table.group_rows[group], 50.0)
    return float((table.group_averages[group] * rows + table.average * _LEAN) / (rows + _LEAN))


@exact_inlined_kernel
def _count_(table: Any, group: int, which: int) -> None:
    table.weight /= 1 - _FADES
    table.counts[which] += table.weight
    table.total += table.weight
    if table.weight > _HEAVY:
        for k in range(BINS):
            table.counts[k] /= _HEAVY
        table.total /= _HEAVY
        table.weight /= _HEAVY
    table.group_weights[group] /= 1 - _GROUP_FADES
    weight = table.group_weights[group]
    table.group_counts[group * BINS + which] += weight
    table.group_totals[group] += weight
    if weight > _HEAVY:
        for k in range(group * BINS, (group + 1) * BINS):
            table.group_counts[k] /= _HEAVY
        table.group_totals[group] /= _HEAVY
        table.group_weights[group] /= _HEAVY


@exact_inlined_kernel
def _group_of(hour: int) -> int:
    """Return the group of an hour of the week."""
    return hour % 24 + (24 if hour >= 24 * 5 else 0)
