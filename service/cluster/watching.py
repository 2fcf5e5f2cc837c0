"""Look after the shards: whether each is there, and whether it has moved."""

import asyncio

from service.cluster.onward import Onward
from service.cluster.sockets import Sockets
from service.errors import NotReady
from service.store.base import StoreError


async def watch(onward: Onward, sockets: Sockets) -> None:
    """Look after all shards, for ever."""
    async with asyncio.TaskGroup() as group:
        for shard in range(onward.shards.count):
            group.create_task(_watch(shard, onward, sockets))


async def _watch(shard: int, onward: Onward, sockets: Sockets) -> None:
    """Break off what leads to where a shard was, once it is elsewhere: what hangs there would keep clients waiting."""
    known = ""
    while True:
        try:
            url = await onward.shards.url(shard)
        except (NotReady, StoreError):
            continue  # after a while, each time
        if known and url != known:
            onward.passer.drop(known)
            sockets.drop(known)
        known = url
        onward.tally.up[shard] = True
        await onward.shards.moved(shard, url)
        onward.tally.up[shard] = False
