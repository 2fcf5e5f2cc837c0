"""A Redis, two shards on it, and a gateway to them, for all tests of a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.running_gateway import ThreadGateway
from tests.cluster.running_shard import ThreadShard
from tests.redis_server import RedisServer

COUNT = 2


@dataclass(frozen=True)
class Cluster:
    shards: list[ThreadShard]
    gateway: ThreadGateway
    keys: Path


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    directory, files = tmp_path_factory.mktemp("cluster"), tmp_path_factory.mktemp("redis")
    redis = RedisServer(files)
    keys = directory / "keys"
    settings = {"store": redis.url, "cluster_shards": COUNT, "nets": 12, "max_tokens": 2**22, "max_generations": 1}
    shards = [ThreadShard(directory, shard, **settings) for shard in range(COUNT)]
    made = Cluster([each.start() for each in shards], ThreadGateway(directory, **settings).start(), keys)
    yield made
    for each in (made.gateway, *made.shards):
        each.close()
    redis.kill()
