"""A tree that is told its contexts: what it learns, and that it goes on exactly."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from realnet.core.dendrite_memory import GIVEN, NODE, SURE
from realnet.core.dendrite_tables import gain_rates
from realnet.dendrites.context_tree import ContextTree

SYMBOLS = 20
RANDOM = np.random.default_rng(0)
TICKS = [(int(each), int(each * 7 % SYMBOLS)) for each in RANDOM.integers(0, 3000, 900)]  # context, symbol


def newborn() -> ContextTree:
    gates = ((NODE, 0), (SURE, 0), (GIVEN, 0))
    return ContextTree(8, 5, gates, gain_rates(0.005, 0.003, 0.0003), gain=0.5, most_lines=2**14)


def live(tree: ContextTree, ticks: list[tuple[int, int]]) -> list[list[float]]:
    """Run and learn, and return what was said before each."""
    said = []
    for context, symbol in ticks:
        keys = np.array([0, *(context // 3**k << 8 | k for k in range(7))], np.uint64)
        said.append(tree.probabilities(keys, [context % 24], SYMBOLS).tolist())
        tree.learn(symbol, SYMBOLS)
    return said


def restored(tree: ContextTree) -> ContextTree:
    other = newborn()
    other.take(tree.arrays())
    return other


def test_what_it_says_is_a_distribution_and_is_learnt() -> None:
    tree = newborn()
    live(tree, [(3, 17)] * 5)
    (said,) = live(tree, [(3, 17)])
    assert np.isclose(sum(said), 1)
    assert np.argmax(said) == 17
    assert said[17] > 0.5


def test_symbols_may_become_more() -> None:
    tree, keys = newborn(), np.arange(8, dtype=np.uint64)
    for symbols in (2, 3, 17, 32):
        said = tree.probabilities(keys, [0], symbols)
        assert len(said) == symbols
        assert np.isclose(said.sum(), 1)
        tree.learn(symbols - 1, symbols)


@pytest.mark.parametrize("other", [copy.deepcopy, lambda tree: pickle.loads(pickle.dumps(tree)), restored])
def test_it_goes_on_exactly_also_when_its_lines_are_doubled(other: Callable[[ContextTree], ContextTree]) -> None:
    tree = newborn()
    live(tree, TICKS[:200])
    lines, again = len(tree.arrays()["lines"]), other(tree)
    assert live(again, TICKS[200:]) == live(tree, TICKS[200:])
    assert len(tree.arrays()["lines"]) > lines
    assert all(np.array_equal(each, again.arrays()[name]) for name, each in tree.arrays().items())


@pytest.mark.parametrize(
    "changed",
    [
        {"lines": np.zeros((100, 16), np.uint32)},
        {"gains": np.zeros(3, np.float32)},
        {"reflex": np.full((8, 256), np.nan, np.float32)},
    ],
)
def test_other_arrays_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changed))):
        newborn().take(newborn().arrays() | changed)
