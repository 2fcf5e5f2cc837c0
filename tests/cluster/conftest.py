"""Shards of one Redis, on threads and in processes, and gateways to them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from tests.cluster.running_gateway import ThreadGateway
from tests.cluster.running_shard import COUNT, ProcessShard, ThreadShard
from tests.redis_server import RedisServer

S = TypeVar("S", ThreadShard, ProcessShard, ThreadGateway)


@contextmanager
def made_on(redis: RedisServer, new: Callable[..., S]) -> Iterator[Callable[..., S]]:
    """Make servers of a cluster on one Redis, not started, and close them at the end."""
    made: list[S] = []

    def make(*shard: int, **settings: object) -> S:
        made.append(new(*shard, **{"store": redis.url, "cluster_shards": COUNT} | settings))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def new_shard(tmp_path: Path, redis_server: RedisServer) -> Iterator[Callable[..., ThreadShard]]:
    """Makes shards on threads, not started, on one Redis."""
    with made_on(redis_server, partial(ThreadShard, tmp_path)) as make:
        yield make


@pytest.fixture
def new_process(tmp_path: Path, redis_server: RedisServer) -> Iterator[Callable[..., ProcessShard]]:
    """Makes the same in processes of their own."""
    with made_on(redis_server, partial(ProcessShard, tmp_path)) as make:
        yield make


@pytest.fixture
def new_gateway(tmp_path: Path, redis_server: RedisServer) -> Iterator[Callable[..., ThreadGateway]]:
    """Makes gateways on threads, not started."""
    with made_on(redis_server, partial(ThreadGateway, tmp_path)) as make:
        yield make


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
