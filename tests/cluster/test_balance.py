"""Which shards move when nodes come and go."""

from collections import Counter

import pytest

from service.cluster.balance import moves_of, room_of
from service.settings import ClusterSettings

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


@pytest.mark.parametrize(("places", "room", "wanted"), CASES)
def test_each_node_has_its_share_after_as_few_moves_as_possible(
    places: str, room: dict[str, float], wanted: dict[str, int]
) -> None:
    before = dict(enumerate(places))
    moves = moves_of(before, room)
    assert Counter((before | moves).values()) == wanted
    assert len(moves) == (Counter(places) - Counter(wanted)).total()


@pytest.mark.parametrize(
    ("gpus_of_a_shard", "node", "room"),
    [
        (0, (4.0, 2.0), 4.0),
        (0.5, (4.0, 2.0), 2.0),
        (0.5, (4.0, 0.0), 0.0),
        (0.5, (0.0, 2.0), 0.0),  # a gateway alone
        (1, (0.2, 2.0), 0.0),
        (1, (0.25, 2.0), 2.0),
    ],
)
def test_shares_are_by_gpus_where_shards_need_them(
    gpus_of_a_shard: float, node: tuple[float, float], room: float
) -> None:
    assert room_of(*node, ClusterSettings(cluster_gpus=gpus_of_a_shard)) == room


@pytest.mark.parametrize("wrong", [-0.5, 1.5])
def test_gpus_of_a_shard_are_a_part_of_one_or_whole(wrong: float) -> None:
    with pytest.raises(ValueError, match="cluster_gpus"):
        ClusterSettings(cluster_gpus=wrong)
    assert ClusterSettings(cluster_gpus=2).cluster_gpus == 2
