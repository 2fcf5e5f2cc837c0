"""Shards of one Redis, on threads and in processes, and gateways to them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.running_gateway import ThreadGateway
from tests.cluster.running_shard import COUNT, ProcessShard, ThreadShard
from tests.redis_server import RedisServer


@pytest.fixture
def new_shard(tmp_path: Path, redis_server: RedisServer) -> Iterator[Callable[..., ThreadShard]]:
    """Makes shards on threads, not started, on one Redis."""
    made: list[ThreadShard] = []

    def make(shard: int, **settings: object) -> ThreadShard:
        made.append(ThreadShard(tmp_path, shard, **{"store": redis_server.url, "cluster_shards": COUNT} | settings))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def new_process(tmp_path: Path, redis_server: RedisServer) -> Iterator[Callable[..., ProcessShard]]:
    """Makes the same in processes of their own."""
    made: list[ProcessShard] = []

    def make(shard: int, **settings: object) -> ProcessShard:
        made.append(ProcessShard(tmp_path, shard, **{"store": redis_server.url, "cluster_shards": COUNT} | settings))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def new_gateway(tmp_path: Path, redis_server: RedisServer) -> Iterator[Callable[..., ThreadGateway]]:
    """Makes gateways on threads, not started."""
    made: list[ThreadGateway] = []

    def make(**settings: object) -> ThreadGateway:
        made.append(ThreadGateway(tmp_path, **{"store": redis_server.url, "cluster_shards": COUNT} | settings))
        return made[-1]

    yield make
    for server in made:
        server.close()


@dataclass(frozen=True)
class Cluster:
    shards: list[ThreadShard]
    gateway: ThreadGateway


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two shards and a gateway for all tests of a file, with room for 12 nets, and for one generation in each."""
    directory, files = tmp_path_factory.mktemp("cluster"), tmp_path_factory.mktemp("redis")
    redis = RedisServer(files)
    settings = {"store": redis.url, "cluster_shards": COUNT, "nets": 12, "max_tokens": 2**22, "max_generations": 1}
    shards = [ThreadShard(directory, shard, **settings).start() for shard in range(COUNT)]
    made = Cluster(shards, ThreadGateway(directory, **settings).start())
    yield made
    for each in (made.gateway, *made.shards):
        each.close()
    redis.kill()
