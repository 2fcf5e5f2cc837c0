"""Which shards move when nodes come and go."""

from collections import Counter

import pytest

from service.cluster.balance import moves_of

CASES = [
    ("aaaa", {"a": 2.0, "b": 2.0}, {"a": 2, "b": 2}),
    ("abab", {"a": 2.0, "b": 2.0}, {"a": 2, "b": 2}),
    ("aab", {"a": 2.0, "b": 2.0}, {"a": 2, "b": 1}),
    ("aaaaaaaa", {"a": 2.0, "b": 6.0}, {"a": 2, "b": 6}),
    ("xxab", {"a": 1.0, "b": 1.0}, {"a": 2, "b": 2}),
    ("aahh", {"a": 1.0, "b": 1.0, "h": 0.0}, {"a": 2, "b": 2}),
    ("abcabcab", {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0}, {"a": 2, "b": 2, "c": 2, "d": 2}),
    ("aa", {"a": 0.0}, {"a": 2}),
]


@pytest.mark.parametrize(("places", "cpus", "wanted"), CASES)
def test_each_node_has_its_share_after_as_few_moves_as_possible(
    places: str, cpus: dict[str, float], wanted: dict[str, int]
) -> None:
    before = dict(enumerate(places))
    moves = moves_of(before, cpus)
    assert Counter((before | moves).values()) == wanted
    assert len(moves) == (Counter(places) - Counter(wanted)).total()
