"""What a gateway tells of a cluster."""

from typing import Literal

import msgspec


class Shard(msgspec.Struct, frozen=True):
    """A shard: the process that has all nets whose names fall into it, and where that is.

    `epoch` rises with each process that takes the shard. What is not known of one that is away is None.
    """

    shard: int
    state: Literal["ready", "away"]
    url: str | None
    host: str | None
    node: str | None
    epoch: int | None
    nets: int | None
    hot: int | None
    bytes: int | None


class Cluster(msgspec.Struct, frozen=True):
    shards: list[Shard]
