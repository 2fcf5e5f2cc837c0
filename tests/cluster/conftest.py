"""Shards of one Redis, on threads and in processes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
