"""Run a cluster's processes on this machine, and ask Ray of it."""

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from service.cluster.gateway import serve_gateway
from service.cluster.node import RayNode
from service.cluster.ray_shards import Node, RayShards
from service.cluster.shards import ShardSeen
from service.errors import NotReady
from service.runtime.birth import CannotStart
from service.settings import LOOPBACK, Settings
from service.store.base import StoreError

_logger = logging.getLogger(__name__)


def start_cluster(
    settings: Settings, address: str | None, port: int, own: str | None, resources: Sequence[str]
) -> None:
    """Start the head of a cluster, or use the Ray at an address, have it start all shards, and serve a gateway."""
    node: RayNode | None = None
    try:
        _check(settings)
        if address is None:
            node = RayNode.head(port, own, resources)
            address = node.address
        asyncio.run(_make(settings, address))
    except (CannotStart, StoreError) as error:
        _end(node, error)
    if node is None:
        serve_gateway(settings, lambda: None, lambda: None)
    else:
        serve_gateway(settings, lambda: node.failure, node.end)


def join_cluster(settings: Settings, address: str, serves: bool, own: str | None, resources: Sequence[str]) -> None:
    """Make this machine a node of a cluster, and serve a gateway, or only wait for the end."""
    node: RayNode | None = None
    try:
        _check(settings)
        node = RayNode.joined(address, own, resources)
        asyncio.run(_make(settings, node.address, balances=True))
    except (CannotStart, StoreError) as error:
        _end(node, error)
    if serves:
        serve_gateway(settings, lambda: node.failure, lambda: node.leave(settings))
        return
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, _leave)
    try:
        node.wait()
    except SystemExit:
        node.leave(settings)
        raise
    sys.exit(f"realnet: {node.failure}")


def _leave(sign: int, frame: FrameType | None) -> None:
    sys.exit(128 + sign)


async def drained(settings: Settings, address: str, node: str) -> int:
    """Have the shards of a node go to others; return how many. Raises CannotStart, Refused or StoreError."""
    async with RayShards.connected(settings, address) as shards:
        return await shards.drain(node)


async def nodes_of(settings: Settings, address: str) -> tuple[list[Node], list[ShardSeen]]:
    """Return the nodes of the Ray at an address, and the shards that serve. Raises CannotStart or StoreError."""
    async with RayShards.connected(settings, address) as shards:
        return await shards.nodes(), await shards.seen()


def _check(settings: Settings) -> None:
    """Raise CannotStart or StoreError before anything has begun: no Ray, no Redis, another cluster on it."""
    shards = RayShards(settings)

    async def look() -> None:
        async with shards.opened():
            await shards.seen()

    asyncio.run(look())


async def _make(settings: Settings, address: str, balances: bool = False) -> None:
    async with RayShards.connected(settings, address) as shards:
        is_open = settings.has_keys or settings.insecure
        if not is_open and any(each.address not in LOOPBACK for each in await shards.nodes()):
            why = "other machines reach the shards, so that anybody could reach the nets"
            raise CannotStart(f"{why}: set REALNET_API_KEY or REALNET_KEYS_FILE, or --insecure if you mean it")
        await shards.make()
        if balances:
            try:
                await shards.balance()
            except NotReady as error:
                _logger.warning("not all shards have their places yet: %s", error)


def _end(node: RayNode | None, error: Exception) -> NoReturn:
    if node is not None:
        node.end()
    sys.exit(f"realnet: {error}")
