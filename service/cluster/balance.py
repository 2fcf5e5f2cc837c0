"""Which shards have to move for each node of a cluster to have its share."""

from collections import Counter
from collections.abc import Mapping


def moves_of(places: Mapping[int, str], cpus: Mapping[str, float]) -> dict[int, str]:
    """Return which shards have to move, of those that are in these places, and where to: as few as possible.

    The share of a node is by its CPUs. A place may be a node that is not there any more.
    """
    if not (total := sum(cpus.values())):
        return {}
    counts, moves = Counter(places.values()), {}

    def surplus(node: str) -> float:
        return counts[node] - len(places) * cpus.get(node, 0.0) / total

    for shard, node in sorted(places.items()):
        poorest = min(cpus, key=surplus)
        if surplus(node) - surplus(poorest) > 1:  # else it would be no better afterwards
            moves[shard] = poorest
            counts[node] -= 1
            counts[poorest] += 1
    return moves
