"""Which shards have to move for each node of a cluster to have its share."""

from collections.abc import Mapping


def moves_of(places: Mapping[int, str], cpus: Mapping[str, float]) -> dict[int, str]:
    """Return which shards have to move, of those that are in these places, and where to: as few as possible.

    The share of a node is by its CPUs. A place may be a node that is not there any more.
    """
    if not (total := sum(cpus.values())):
        return {}
    now = dict(places)

    def surplus(node: str) -> float:
        return sum(each == node for each in now.values()) - len(now) * cpus.get(node, 0.0) / total

    while True:
        richest, poorest = max({*now.values()}, key=surplus, default=""), min(cpus, key=surplus)
        if surplus(richest) - surplus(poorest) <= 1:  # a move would make it no better
            return {shard: node for shard, node in now.items() if node != places[shard]}
        now[max(shard for shard, node in now.items() if node == richest)] = poorest
