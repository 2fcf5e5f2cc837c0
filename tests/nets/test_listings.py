"""What a server on Redis asks for does not grow with the keys of other nets."""

from collections.abc import Callable

import redis

from tests.nets.asking import create, hash_of, teach
from tests.redis_server import RedisServer
from tests.running_server import ThreadServer


def test_all_keys_are_looked_through_at_the_start_alone(
    new_server: Callable[..., ThreadServer], redis_server: RedisServer
) -> None:
    server = new_server(store=redis_server.url, nets_hot=1).start()
    create(server, "a", "b")
    server.client.post("/v1/nets/a/snapshots").raise_for_status()
    for name in ("a", "b"):
        teach(server, name, name)
    server.close()

    server = new_server(store=redis_server.url, nets_hot=1).start()
    client = redis.Redis.from_url(redis_server.url)
    client.config_resetstat()
    hashes = {name: hash_of(server, name) for name in ("a", "b")}
    assert {name: hash_of(server, name) for name in ("a", "b")} == hashes
    create(server, "c")
    teach(server, "c", "c")
    for path in ("/v1/nets", "/v1/nets/a/snapshots", "/v1/snapshots", "/v1/hive"):
        server.client.get(path).raise_for_status()
    server.client.post("/v1/snapshots").raise_for_status()
    for name in ("a", "b", "c"):
        server.client.delete(f"/v1/nets/{name}").raise_for_status()
    assert "cmdstat_scan" not in client.info("commandstats")
    assert not [key for name in ("a/", "b/", "c/", "nets/") for key in client.scan_iter(f"realnet:{name}*")]
    client.close()


def test_the_manifests_of_a_page_are_read_at_once(
    new_server: Callable[..., ThreadServer], redis_server: RedisServer
) -> None:
    server = new_server(store=redis_server.url).start()
    names = [f"n{number}" for number in range(20)]
    create(server, *names)
    server.close()
    client = redis.Redis.from_url(redis_server.url)
    client.copy("realnet:nets/n6", "realnet:nets/n5", replace=True)
    client.config_resetstat()

    server = new_server(store=redis_server.url).start()
    for _ in range(2):  # the second page is of what is in memory
        told = server.client.get("/v1/nets").raise_for_status().json()["data"]
        assert sorted(each["name"] for each in told) == sorted(["default", *names])
        assert [each["name"] for each in told if each["state"] == "damaged"] == ["n5"]
    stats = client.info("commandstats")
    assert stats["cmdstat_mget"]["calls"] == 2  # once for all, and for the one that is damaged
    assert stats["cmdstat_get"]["calls"] < len(names)
    client.close()
