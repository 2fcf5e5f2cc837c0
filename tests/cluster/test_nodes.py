"""Nodes of a real Ray: killed, frozen, drained and joined."""

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

    given: dict[str, Any] = {
        "store": redis_server.url,
        "cluster_shards": COUNT,
        "nets_wait": 60,
        "insecure": True,
        "tick_hz": 0.001,
    }
    settings = Settings(_env_prefix="NO_SETTING_", **given)
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
