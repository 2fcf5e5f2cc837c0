"""Nets that are deleted, with all that was stored of them, whatever comes between."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from service.store import open_store
from tests.api.asking import until
from tests.nets.asking import create, hash_of, listed, problem, teach
from tests.redis_server import RedisServer
from tests.running_server import ProcessServer, RunningServer, ThreadServer

MakeServer = Callable[..., ThreadServer]


def keys_of(url: str, prefix: str) -> list[str]:
    async def keys() -> list[str]:
        store = open_store(url)
        try:
            return await store.keys(prefix)
        finally:
            await store.close()

    return asyncio.run(keys())


def put(url: str, key: str) -> None:
    async def put() -> None:
        store = open_store(url)
        await store.put(key, b"")
        await store.close()

    asyncio.run(put())


def fill(server: RunningServer, name: str) -> None:
    """Have a net store something of every kind."""
    client, path = server.client, f"/v1/nets/{name}"
    teach(server, name, "something")
    client.post(f"{path}/snapshots").raise_for_status()
    client.post(f"{path}/datasets", files={"file": ("a.txt", b"text")}).raise_for_status()
    client.post(f"{path}/observe", json={"stream": "cpu", "values": [1.0]}).raise_for_status()
    client.post(f"{path}/hooks", json={"url": server.url}).raise_for_status()


def test_all_of_it_is_gone(new_server: MakeServer, store_url: str, tmp_path: Path) -> None:
    server = new_server(store=store_url).start()
    create(server, "a", "ab")
    newborn = hash_of(server, "a")
    fill(server, "a")
    teach(server, "ab", "stays")
    stays = hash_of(server, "ab")
    with connect(f"ws://127.0.0.1:{server.port}/v1/nets/a/stream") as socket:
        socket.recv()
        assert server.client.delete("/v1/nets/a").status_code == 204
        with suppress(ConnectionClosed):
            for _ in socket:  # what was on its way
                pass
        assert (socket.close_code, socket.close_reason) == (1008, "the net has been deleted")
    assert keys_of(store_url, "a/") == []
    assert keys_of(store_url, "nets/") == ["nets/ab"]
    assert not (tmp_path / "store/a").exists()
    assert problem(server.client.get("/v1/nets/a/net")) == (404, "not-found")
    assert hash_of(server, "ab") == stays
    create(server, "a")
    assert hash_of(server, "a") == newborn
    assert server.client.get("/v1/nets/a/datasets").json()["data"] == []


def test_a_deletion_that_was_interrupted_goes_on(new_server: MakeServer, store_url: str) -> None:
    server = new_server(store=store_url).start()
    create(server, "a", "b", "c")
    for name in ("a", "b", "c"):
        fill(server, name)
    server.terminate()
    put(store_url, "nets/_deleted/a")  # as a crash leaves it at the beginning
    put(store_url, "nets/_deleted/b")  # and in the middle

    async def half() -> None:
        store = open_store(store_url)
        await store.delete("nets/b")
        for key in (await store.keys("b/"))[::2]:
            await store.delete(key)
        await store.close()

    asyncio.run(half())
    server = new_server(store=store_url).start()
    assert listed(server) == ["c", "default"]
    until(lambda: keys_of(store_url, "nets/") == ["nets/c"])
    assert keys_of(store_url, "a/") == keys_of(store_url, "b/") == []
    create(server, "a")
    assert server.client.get("/v1/nets/a/net").json()["tick"] == 0


def test_one_that_is_killed_in_the_middle(new_process: Callable[..., ProcessServer], tmp_path: Path) -> None:
    server = new_process().start()
    create(server, "a", "b", variant="fast")
    fill(server, "a")
    with ThreadPoolExecutor(1) as pool:
        deleting = pool.submit(httpx.delete, f"{server.url}/v1/nets/a")
        until(lambda: deleting.done() or (tmp_path / "data/nets/_deleted/a").exists())
        server.kill()
        with suppress(httpx.TransportError):
            deleting.result()
    server.start()
    assert listed(server) == ["b", "default"]
    until(lambda: not (tmp_path / "data/a").exists() and not (tmp_path / "data/nets/_deleted").exists())
    create(server, "a")
    assert server.client.get("/v1/nets/a/net").json()["tick"] == 0


def test_a_store_that_is_away_ends_no_deletion(new_server: MakeServer, redis_server: RedisServer) -> None:
    server = new_server(store=redis_server.url).start()
    create(server, "a")
    teach(server, "a", "something")
    redis_server.kill()
    assert problem(server.client.delete("/v1/nets/a")) == (503, "store-unavailable")
    assert problem(server.client.get("/v1/nets/a/net")) == (404, "not-found")
    redis_server.start()
    until(lambda: keys_of(redis_server.url, "a/") + keys_of(redis_server.url, "nets/") == [])
    assert server.client.delete("/v1/nets/a").status_code == 404
    create(server, "a")
