"""Nodes of a real Ray: killed, frozen, drained and joined."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.errors import NotFound
from service.nets.part import shard_of
from service.settings import Settings
from tests.cluster.running_shard import COUNT
from tests.redis_server import RedisServer


def settings_of(redis: RedisServer, **others: object) -> Settings:
    given: dict[str, Any] = {
        "store": redis.url,
        "cluster_shards": COUNT,
        "nets_wait": 60,
        "insecure": True,
        "tick_hz": 0.001,
    }
    return Settings(_env_prefix="NO_SETTING_", **(given | others))


@pytest.mark.long
@pytest.mark.timeout(400)
def test_what_was_acknowledged_is_learnt_once_whatever_happens_to_nodes() -> None:
    given = ["--nets", "12", "--kills", "2", "--freezes", "1", "--pause", "0.5"]
    command = [sys.executable, "-m", "benchmarks.cluster"]
    run = subprocess.run([*command, *given], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "12 of 12 nets have learnt each of them once, as in the library" in run.stdout


@pytest.mark.long
@pytest.mark.anyio
@pytest.mark.timeout(200)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_shards_go_where_there_is_room(redis_server: RedisServer) -> None:
    """They leave a node that is drained, and come to one that has joined; what they have is as it was."""
    from benchmarks.ray_nodes import nodes  # not at the top: to import Ray takes half a second of each run of the tests
    from service.cluster.ray_shards import RayShards

    settings = settings_of(redis_server)
    with nodes(2) as ray_nodes:
        first, second = (each.node_id for each in ray_nodes.nodes)
        async with (
            RayShards.connected(settings, ray_nodes.address) as shards,
            httpx.AsyncClient(timeout=30.0) as client,
        ):
            await shards.make()
            asked = {"text": "what it is told"}
            url = await shards.url(shard_of("default", COUNT))
            (await client.post(f"{url}/v1/inputs", params={"wait": "true"}, json=asked)).raise_for_status()
            path = "/v1/net?hash=true"
            before = (await client.get(url + path)).json()["state_sha256"]
            await shards.url(1 - shard_of("default", COUNT))
            there = [each.shard for each in await shards.seen() if each.node == first]
            assert await shards.drain(first[:12]) == len(there)
            assert {each.node for each in await shards.seen()} == {second}
            with pytest.raises(NotFound, match="there is no node none"):
                await shards.drain("none")
            third = ray_nodes.add().node_id
            assert await shards.balance() == COUNT // 2
            assert {each.node for each in await shards.seen()} == {second, third}
            assert await shards.balance() == 0
            url = await shards.url(shard_of("default", COUNT))
            assert (await client.get(url + path)).json()["state_sha256"] == before


@pytest.mark.long
@pytest.mark.anyio
@pytest.mark.timeout(200)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_shards_that_need_gpus_are_where_these_are(redis_server: RedisServer) -> None:
    """Two fit on a GPU, and see no other; the node that has none gets none, at first, by balancing or by a drain."""
    import ray

    from benchmarks.ray_nodes import nodes
    from service.cluster.actor import ShardActor
    from service.cluster.ray_shards import RayShards

    class Seeing(ShardActor):
        """A shard that does not serve, and tells which GPUs CUDA would let it see."""

        def _live(self) -> None:
            return

        def gpus(self) -> str | None:
            return os.environ.get("CUDA_VISIBLE_DEVICES")

    settings = settings_of(redis_server, cluster_gpus=0.5)
    with nodes(1) as ray_nodes:
        second = ray_nodes.add(gpus=1).node_id
        async with RayShards.connected(settings, ray_nodes.address) as shards:

            async def places() -> list[str]:
                """Return where the shards are, when all serve."""
                for shard in range(COUNT):
                    await shards.url(shard)
                return sorted(each.node for each in await shards.seen())

            await shards.make()
            assert await places() == [second] * COUNT
            third = ray_nodes.add(gpus=1).node_id
            assert await shards.balance() == COUNT // 2
            assert await places() == sorted([second, third])
            assert await shards.balance() == 0
            assert sorted(each.gpus for each in await shards.nodes()) == [0, 0, 1, 1]
            for part, visible in ((0.0, ""), (0.5, "0")):
                actor = ray.remote(Seeing).options(num_cpus=0, num_gpus=part).remote({"cluster_gpus": part}, 0, COUNT)
                assert await actor.gpus.remote() == visible
                del actor
            assert await shards.drain(second) == 1
            assert await places() == [third] * COUNT
