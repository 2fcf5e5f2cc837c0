"""Which of the nets of a cluster one of its processes has."""

from typing import NamedTuple
from zlib import crc32

from service.errors import Misdirected


def shard_of(name: str, count: int) -> int:
    """Return the number, from 0 on, of the shard of `count` that a net falls into by its name."""
    return crc32(name.encode()) % count


class Part(NamedTuple):
    """One shard of so many. A server that is no part of a cluster has the only one of one."""

    shard: int = 0
    of: int = 1

    @property
    def is_of_cluster(self) -> bool:
        return self.of > 1

    def has(self, name: str) -> bool:
        return shard_of(name, self.of) == self.shard

    def check(self, name: str) -> None:
        """Raises Misdirected for a net of another shard."""
        if not self.has(name):
            other = shard_of(name, self.of)
            raise Misdirected(
                f"the net {name} is of shard {other} of {self.of}, and this is shard {self.shard}: ask the gateway"
            )
