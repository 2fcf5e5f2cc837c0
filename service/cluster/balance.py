"""Which shards have to move for each node of a cluster to have its share."""

from collections.abc import Mapping

from service.settings import ClusterSettings


def room_of(cpus: float, gpus: float, settings: ClusterSettings) -> float:
    """Return what the share of a node goes by: its CPUs; where shards need GPUs those, if it has CPUs for one shard."""
    if not settings.cluster_gpus:
        return cpus
    return gpus if cpus >= settings.cluster_cpus else 0.0


def moves_of(places: Mapping[int, str], room: Mapping[str, float]) -> dict[int, str]:
    """Return which shards have to move, of those that are in these places, and where to: as few as possible.

    The share of a node is by its room; one that has none gets no shard. A place may be a node that is not there any
    more.
    """
    if not (total := sum(room.values())):
        return {}
    now = dict(places)

    def surplus(node: str) -> float:
        return sum(each == node for each in now.values()) - len(now) * room.get(node, 0.0) / total

    while True:
        richest, poorest = max({*now.values()}, key=surplus, default=""), min(room, key=surplus)
        if surplus(richest) - surplus(poorest) <= 1:  # a move would make it no better
            return {shard: node for shard, node in now.items() if node != places[shard]}
        now[max(shard for shard, node in now.items() if node == richest)] = poorest
