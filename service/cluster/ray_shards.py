"""The shards of a cluster that Ray starts, places and restarts; and the nodes that they are on."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from service.aio import in_thread
from service.cluster.balance import moves_of, room_of
from service.cluster.shards import RedisShards, ShardSeen
from service.errors import Conflict, NotFound, NotReady
from service.runtime.birth import CannotStart
from service.settings import Settings
from service.store import NO_REDIS, directory_of

try:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from service.cluster.actor import ShardActor
except ModuleNotFoundError:  # is told when somebody asks for a cluster
    ray = None

NAMESPACE = "realnet"
NO_RAY = "a cluster needs Ray, which is not installed here: pip install 'realnet-live[cluster]'"
_DRAIN_SECONDS = 60.0  # for all shards of a node to serve elsewhere
_MOVE_SECONDS = 20.0  # for one of them to end in order
_LOOK_SECONDS = 0.2
_CONNECT_SECONDS = 3.0
_PREEMPTION = 2  # DRAIN_NODE_REASON_PREEMPTION: Ray then takes any node, also one with actors
_logger = logging.getLogger(__name__)


class Node(NamedTuple):
    """A machine of a cluster, by Ray's id; `cpus`, `gpus` and `memory` (in bytes) are what Ray reckons with in all."""

    id: str
    address: str
    host: str
    cpus: float
    gpus: float
    memory: float


class RayShards(RedisShards):
    """The shards of a cluster in Ray."""

    def __init__(self, settings: Settings) -> None:
        """Raises CannotStart where Ray is not installed, or the nets are not in Redis."""
        if ray is None:
            raise CannotStart(NO_RAY)
        try:
            if directory_of(settings.store) is not None:
                raise CannotStart(f"a cluster keeps its nets in Redis: {NO_REDIS}")
        except ValueError as error:
            raise CannotStart(str(error)) from error
        super().__init__(settings.store, settings.cluster_shards, settings.nets_wait)
        self._settings = settings

    @classmethod
    @asynccontextmanager
    async def connected(cls, settings: Settings, address: str) -> AsyncIterator["RayShards"]:
        """Connect to the Ray at an `address` (host:port, ray://host:port, or auto), and know all until the end.

        Raises CannotStart.
        """
        shards = cls(settings)
        try:
            await in_thread(lambda: _connect(address))
            async with shards.opened():
                yield shards
        finally:
            await in_thread(ray.shutdown)

    async def make(self) -> None:
        """Have Ray start the shards that are not there. Returns before they serve."""
        await in_thread(lambda: [self._actor(shard) for shard in range(self.count)])

    async def nodes(self) -> list[Node]:
        """Return the nodes that Ray has, as it knows them."""
        return [
            Node(
                each["NodeID"],
                each["NodeManagerAddress"],
                each["NodeManagerHostname"],
                each["Resources"].get("CPU", 0.0),
                each["Resources"].get("GPU", 0.0),
                each["Resources"].get("memory", 0.0),
            )
            for each in await in_thread(ray.nodes)
            if each["Alive"]
        ]

    @property
    def own_node(self) -> str:
        """Return the id of the node that this process is on."""
        return str(ray.get_runtime_context().get_node_id())

    async def drain(self, node: str) -> int:
        """Have all shards of a node go to others, and none come to it; return how many those were.

        A node is told by its id or the beginning of that, or by its address or host, if nobody else has it. Their
        streams are closed with 1012, and their nets saved. Raises NotFound, Conflict for the only node, StoreError, or
        NotReady where they do not serve elsewhere in time: they do as soon as there is room.
        """
        nodes = await self.nodes()
        id = _found(node, nodes).id
        if len(nodes) == 1:
            raise Conflict("this is the only node: where would its shards go?")
        await in_thread(lambda: ray.get(ray.remote(num_cpus=0)(_mark_node).remote(id)))
        told: set[tuple[int, int]] = set()  # shards, with their epochs
        until = time.monotonic() + _DRAIN_SECONDS
        while True:
            seen = await self.seen()
            for each in seen:
                if each.node == id and (each.shard, each.epoch) not in told:  # or has just been started there
                    _logger.info("shard %d leaves %s", each.shard, each.url)
                    told.add((each.shard, each.epoch))
                    actor = await in_thread(lambda shard=each.shard: self._actor(shard))  # type: ignore[misc]
                    actor.drain.remote()
            gone = {shard for shard, _ in told}
            if gone <= {each.shard for each in seen if each.node != id}:
                return len(gone)
            if time.monotonic() > until:
                raise NotReady(f"{len(gone)} shards have left {id}, and not all serve elsewhere: is there room?")
            await asyncio.sleep(_LOOK_SECONDS)

    async def balance(self) -> int:
        """Have each node have its share of the shards; return how many have moved, one after another.

        Ray places a shard when it starts: a node that has joined has none until then. Raises StoreError, or NotReady
        where one does not serve in time.
        """
        seen = await self.seen()
        room = {each.id: room_of(each.cpus, each.gpus, self._settings) for each in await self.nodes()}
        moves = moves_of({each.shard: each.node for each in seen}, room)
        for each in seen:
            if (node := moves.get(each.shard)) is not None:
                _logger.info("shard %d moves from %s to the node %s", each.shard, each.url, node)
                await self._move(each, node)
        return len(moves)

    async def _move(self, seen: ShardSeen, node: str) -> None:
        """Have a shard end in order, and another actor take its place on a node. `make` repairs what a crash leaves."""
        actor = await in_thread(lambda: self._actor(seen.shard))
        actor.drain.remote()
        until = time.monotonic() + _MOVE_SECONDS
        while any((each.shard, each.epoch) == (seen.shard, seen.epoch) for each in await self.seen()):
            if time.monotonic() > until:
                break  # it is killed now
            await asyncio.sleep(_LOOK_SECONDS)
        await in_thread(lambda: _kill(actor, seen.shard))
        await in_thread(lambda: self._actor(seen.shard, node))
        while not any(each.shard == seen.shard and each.epoch > seen.epoch for each in await self.seen()):
            if time.monotonic() > until + _DRAIN_SECONDS:
                raise NotReady(f"shard {seen.shard} has left {seen.url}, and does not serve elsewhere: is there room?")
            await asyncio.sleep(_LOOK_SECONDS)

    def _actor(self, shard: int, node: str | None = None) -> Any:
        """Return the actor of a shard, made on this node, if it is not there."""
        options = {
            "name": _name(shard),
            "namespace": NAMESPACE,
            "lifetime": "detached",
            "get_if_exists": True,
            "max_restarts": -1,
            "num_cpus": self._settings.cluster_cpus,
            "num_gpus": self._settings.cluster_gpus,
            "memory": self._settings.cluster_memory,
            "scheduling_strategy": "SPREAD" if node is None else NodeAffinitySchedulingStrategy(node, soft=True),
        }
        given = {name: getattr(self._settings, name) for name in self._settings.model_fields_set}
        return ray.remote(ShardActor).options(**options).remote(given, shard, self.count)


def own_address() -> str:
    """Return the address by which other machines most likely reach this one. Raises CannotStart."""
    if ray is None:
        raise CannotStart(NO_RAY)
    return str(ray.util.get_node_ip_address())


def _name(shard: int) -> str:
    return f"realnet-shard-{shard}"


def _kill(actor: Any, shard: int) -> None:
    """End an actor for good, and return when its name is free."""
    ray.kill(actor, no_restart=True)
    while True:
        try:
            ray.get_actor(_name(shard), namespace=NAMESPACE)
        except ValueError:
            return
        time.sleep(_LOOK_SECONDS)


def _connect(address: str) -> None:
    logging.getLogger("ray").setLevel(logging.ERROR)  # it warns of what we do on purpose
    try:
        with contextlib.suppress(Exception):
            ray.shutdown()
        host = address.removeprefix("ray://")
        if host == address:
            host = ray._private.services.canonicalize_bootstrap_address_or_die(address)
        _check_answers(host)
        ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, configure_logging=False)
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise CannotStart(f"Ray at {address}: {' '.join(str(error).split())}") from error


def _check_answers(address: str) -> None:
    """Raises OSError where nobody listens at an address, for which Ray would wait for half a minute or more.

    ValueError for what is no address.
    """
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        raise ValueError("there is no port in it")
    socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()


def _found(node: str, nodes: Iterable[Node]) -> Node:
    found = [each for each in nodes if each.id.startswith(node) or node in (each.address, each.host)]
    if len(found) != 1:
        raise NotFound(f"there is no node {node}" if not found else f"{len(found)} nodes are {node}: tell its id")
    return found[0]


def _mark_node(id: str) -> None:
    """Have Ray place nothing on a node any more. In the cluster: a client outside has no way to it."""
    gcs = ray._raylet.GcsClient(address=ray.get_runtime_context().gcs_address)
    accepted, why = gcs.drain_node(id, _PREEMPTION, "realnet cluster drain", 0)
    if not accepted:
        raise RuntimeError(why)
