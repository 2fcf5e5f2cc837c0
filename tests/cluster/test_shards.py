"""Shards of a cluster without Ray: which nets each has, who may write, and how they are found."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from service.cluster.shards import RedisShards, ShardSeen
from service.errors import NotReady
from service.nets.part import shard_of
from service.store.keys import REDIS_CLUSTER, REDIS_LEASE, REDIS_SHARD
from tests.api.asking import until
from tests.cluster.running_shard import COUNT, ProcessShard, ThreadShard, name_in
from tests.nets.asking import create, hash_of, listed, problem, state_of, teach
from tests.redis_server import RedisServer
from tests.running_server import RunningServer, ThreadServer

pytestmark = pytest.mark.anyio

OURS = shard_of("default", COUNT)
ZERO, ONE = name_in(0, COUNT), name_in(1, COUNT)

MakeShard = Callable[..., ThreadShard]


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[Redis]:
    client = Redis.from_url(redis_server.url)
    yield client
    client.close()


def test_each_has_its_own_nets_and_names_whose_others_are(new_shard: MakeShard) -> None:
    shards = [new_shard(number).start() for number in range(COUNT)]
    for shard, own, other in zip(shards, (ZERO, ONE), (ONE, ZERO), strict=True):
        create(shard, own)
        for asked in (
            teach(shard, other, "what"),
            shard.client.get(f"/v1/nets/{other}"),
            shard.client.post("/v1/nets", json={"name": other}),
            shard.client.delete(f"/v1/nets/{other}"),
        ):
            assert problem(asked) == (421, "misdirected")
            assert f"{other} is of shard {shard_of(other, COUNT)} of {COUNT}" in asked.json()["detail"]
    assert listed(shards[OURS]) == sorted(["default", (ZERO, ONE)[OURS]])
    assert listed(shards[1 - OURS]) == [(ZERO, ONE)[1 - OURS]]
    assert problem(shards[1 - OURS].client.get("/v1/net")) == (421, "misdirected")
    assert shards[1 - OURS].client.get("/metrics").status_code == 200


def test_default_is_a_net_as_any_other(new_shard: MakeShard) -> None:
    shard = new_shard(OURS, nets_hot=1, variant="fast").start()
    assert state_of(shard, "default") == "cold"
    assert shard.client.get("/v1/nets/default").json()["settings"] == {"tick_hz": 0.001, "variant": "fast"}
    shard.run(text="what it is told")
    assert (state_of(shard, "default"), shard.net()["tokens_seen"]) == ("hot", 15)
    create(shard, own := (ZERO, ONE)[OURS])
    teach(shard, own, "another")
    until(lambda: state_of(shard, "default") == "cold")
    for refused in (shard.client.delete("/v1/nets/default"), shard.client.post("/v1/nets", json={"name": "default"})):
        assert problem(refused) == (409, "conflict")


@pytest.mark.long
def test_a_servers_redis_becomes_a_clusters_and_a_servers_again(
    new_shard: MakeShard, tmp_path: Path, redis_server: RedisServer, client: Redis
) -> None:
    def all_of(servers: list[RunningServer]) -> dict[str, str]:
        return {name: hash_of(server, name) for server in servers for name in listed(server)}

    server = ThreadServer(tmp_path, store=redis_server.url).start()
    create(server, ZERO, ONE)
    for name in ("default", ZERO, ONE):
        teach(server, name, f"what {name} is told")
    before = all_of([server])
    for text in ("by a cluster", "by a server"):
        server.close()
        shards = [new_shard(number).start() for number in range(COUNT)]
        assert all_of([*shards]) == before
        for shard in shards:
            for name in listed(shard):
                teach(shard, name, text)
        before = all_of([*shards])
        for shard in shards:
            shard.close()
        client.delete(REDIS_CLUSTER)  # as after ten seconds
        server = ThreadServer(tmp_path, store=redis_server.url).start()
        assert all_of([server]) == before
    server.close()


def test_a_server_and_a_cluster_keep_each_other_out(
    new_shard: MakeShard, tmp_path: Path, redis_server: RedisServer, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.redis_lock.LEASE_SECONDS", 0.1)
    monkeypatch.setattr("service.store.redis_lock._RENEW_SECONDS", 0.1)
    client.set(REDIS_LEASE, "elsewhere 1")
    refused = new_shard(0)
    refused.launch()
    assert f"{redis_server.url} is in use by another server" in str(refused.wait())
    client.delete(REDIS_LEASE)
    new_shard(0).start()
    server = ThreadServer(tmp_path, store=redis_server.url)
    server.launch()
    assert f"{redis_server.url} is in use by a cluster of 2 shards" in str(server.wait())
    refused = new_shard(0, cluster_shards=3)
    refused.launch()
    assert "is in use by a cluster of 2 shards, not 3 shards: stop all of it" in str(refused.wait())
    refused = new_shard(0, store=f"file://{tmp_path}/data")
    refused.launch()
    assert "set REALNET_STORE to redis://" in str(refused.wait())
    server.close()


def keys_in(client: Redis) -> dict[bytes, Any]:
    """Return all that is kept, but for leases, which run out, and where shards are."""
    found = {}
    for key in sorted(client.scan_iter()):
        if client.pttl(key) < 0:
            found[key] = client.xrange(key) if client.type(key) == b"stream" else client.get(key)
    return found


def test_a_frozen_one_writes_nothing_after_its_successor_began(
    new_process: Callable[..., ProcessShard], client: Redis
) -> None:
    first = new_process(OURS, journal="always").start()
    first.run(text="first")
    os.kill(first.pid, signal.SIGSTOP)
    second = new_process(OURS, journal="always").start()
    second.run(text="second")
    told = hash_of(second, "default")
    second.kill()
    before = keys_in(client)
    with pytest.raises(Exception, match="timed out"):  # it is in the buffer of its socket, and is read when it wakes
        first.client.post("/v1/inputs", json={"text": "lost"}, timeout=0.2)
    with pytest.raises(Exception, match="timed out"):
        first.client.post("/v1/snapshots", timeout=0.2)
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait() == 1
    assert "realnet: another server has taken redis" in first.log
    assert keys_in(client) == before
    third = new_process(OURS).start()
    assert hash_of(third, "default") == told


async def test_shards_are_found_where_they_are(new_shard: MakeShard, redis_server: RedisServer) -> None:
    first = new_shard(0).start()
    async with RedisShards(redis_server.url, COUNT, patience=0.3).opened() as shards:
        assert await shards.url(0) == first.url
        with pytest.raises(NotReady, match="shard 1 of the cluster is being started"):
            await shards.url(1)
        shards.lost(0, first.url)
        assert await shards.url(0) == first.url  # it answers
        second = new_shard(0).start()
        await shards.moved(0, first.url)
        assert await shards.url(0) == second.url
        assert [(each.shard, each.url, each.epoch) for each in await shards.seen()] == [(0, second.url, 2)]
        second.close()
        shards.lost(0, second.url)
        with pytest.raises(NotReady):
            await shards.url(0)


def test_one_that_ends_tells_its_clients_to_come_again(new_shard: MakeShard, client: Redis) -> None:
    shard = new_shard(OURS).start()
    key = f"{REDIS_SHARD}{OURS}"
    assert ShardSeen.model_validate_json(client.get(key) or b"").url == shard.url
    with connect(f"ws://127.0.0.1:{shard.port}/v1/stream") as socket:
        socket.recv()
        shard.terminate()
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert client.get(key) is None
