"""What the jobs about children ask of nets that another process of a cluster has."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol


class Elsewhere(Protocol):
    """The nets of the other shards of a cluster, each asked of the shard that has it.

    A shard that is away is waited for, for some seconds. All may raise Refused or StoreError, those of the other shard,
    too; and may be asked again whatever became of them.
    """

    async def rebase(self, name: str, net: str, snapshot: str) -> None:
        """Have a child go on over another snapshot."""

    async def release(self, names: Iterable[str], net: str, snapshot: str | None) -> None:
        """Have children let a parent go that they need no more: those whose shards answer soon. Raises nothing."""

    async def take(self, name: str, parent: str, path: Path) -> None:
        """Write what a child is now to a file, if it may be merged into the parent of this hash."""
