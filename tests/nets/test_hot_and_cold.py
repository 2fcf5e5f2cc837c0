"""Nets that are closed for others and come back as they were, and those that cannot."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from realnet import DendriteLearner
from service.store.file import FileStore
from tests.api.asking import until
from tests.nets.asking import SMALL, create, hash_of, numbers, problem, state_of, teach
from tests.redis_server import RedisServer
from tests.running_server import ThreadServer

MakeServer = Callable[..., ThreadServer]


def hot(server: ThreadServer) -> set[str]:
    return set(numbers(server)["realnet_tick"]) - {"default"}


def wakings(server: ThreadServer) -> float:
    return numbers(server)["realnet_net_waking_seconds_count"][""]


def test_one_that_was_closed_comes_back_as_it_was(new_server: MakeServer, store_url: str) -> None:
    server = new_server(store=store_url, nets_hot=1).start()
    create(server, "a", "b")
    create(server, "large", variant="fast")
    teach(server, "a", "short", session="mine")
    teach(server, "large", "a long life, " * 200)
    before = hash_of(server, "a"), hash_of(server, "large")
    teach(server, "b", "in between")
    assert hot(server) == {"b"}
    assert state_of(server, "a") == state_of(server, "large") == "cold"
    assert (hash_of(server, "a"), hash_of(server, "large")) == before
    snapshots = {
        name: len(server.client.get(f"/v1/nets/{name}/snapshots").json()["data"]) for name in ("a", "b", "large")
    }
    assert snapshots == {"a": 0, "b": 0, "large": 1}  # a short life is lived again sooner than read


def test_kernels_are_made_ready_for_the_first_of_many_that_are_made_alike(
    new_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_ready: list[DendriteLearner] = []
    monkeypatch.setattr(DendriteLearner, "warm_up", lambda learner: made_ready.append(learner))
    server = new_server(nets_hot=1).start()
    made_ready.clear()
    create(server, "a", "b", variant="compact", memory=70_001)
    for name in ("a", "b", "a"):
        teach(server, name, name).raise_for_status()
    assert len(made_ready) == 1


def test_the_one_used_longest_ago_is_closed(new_server: MakeServer) -> None:
    server = new_server(nets_hot=2).start()
    create(server, "a", "b", "c")
    for name in ("a", "b", "a", "c"):
        teach(server, name, name)
    assert hot(server) == {"a", "c"}


def test_they_are_closed_by_their_bytes(new_server: MakeServer) -> None:
    server = new_server(nets_hot_bytes=150_000).start()
    create(server, "a", "b", "c")
    for name in ("a", "b", "c"):
        teach(server, name, name)
    assert hot(server) == {"b", "c"}
    assert 130_000 < numbers(server)["realnet_nets_hot_bytes"][""] < 150_000


def test_one_is_cold_as_soon_as_its_end_has_begun(new_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    put, may_end = FileStore.put, Event()

    async def put_later(store: FileStore, key: str, value: bytes) -> None:
        if key.startswith("large/snapshots/"):
            await asyncio.to_thread(may_end.wait)
        await put(store, key, value)

    server = new_server(nets_hot=1).start()
    create(server, "large", variant="fast")
    create(server, "b")
    teach(server, "large", "a long life, " * 200)
    monkeypatch.setattr(FileStore, "put", put_later)
    teach(server, "b", "b")
    try:
        assert state_of(server, "large") == "cold"
    finally:
        may_end.set()
    assert server.client.get("/v1/nets/large/net").json()["tick"] == 2600


def test_one_that_is_used_is_not_closed(new_server: MakeServer) -> None:
    server = new_server(nets_hot=1, nets_wait=0.2).start()
    create(server, "a", "b")
    with connect(f"ws://127.0.0.1:{server.port}/v1/nets/a/stream") as socket:
        socket.recv()
        refused = teach(server, "b", "b")
        assert problem(refused) == (503, "not-ready")
        assert refused.headers["retry-after"] == "1"
        assert hot(server) == {"a"}
    until(lambda: teach(server, "b", "b").status_code == 200)
    assert server.client.post("/v1/nets/b/hooks", json={"url": server.url}).status_code == 201
    assert problem(teach(server, "a", "a")) == (503, "not-ready")


def test_all_who_come_at_once_wake_it_once(new_server: MakeServer) -> None:
    server = new_server().start()
    create(server, "a")
    before = wakings(server)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: teach(server, "a", "x").status_code, range(16)))
    assert answers == [200] * 16
    assert wakings(server) == before + 1
    assert server.client.get("/v1/nets/a").json()["tick"] == 16


def test_one_name_is_one_net_s(new_server: MakeServer) -> None:
    server = new_server().start()

    def asked(method: str, path: str) -> list[int]:
        with ThreadPoolExecutor(4) as pool:
            body = None if method == "DELETE" else {"name": "a"} | SMALL
            answers = pool.map(lambda _: server.client.request(method, path, json=body).status_code, range(4))
            return sorted(answers)

    assert asked("POST", "/v1/nets") == [201, 409, 409, 409]
    teach(server, "a", "a")
    assert set(asked("DELETE", "/v1/nets/a")) <= {204, 404}
    assert asked("POST", "/v1/nets") == [201, 409, 409, 409]
    assert server.client.get("/v1/nets/a/net").json()["tick"] == 0


def test_many_clients_and_few_places(new_server: MakeServer) -> None:
    server = new_server(nets_hot=2).start()
    names = [f"n{number}" for number in range(6)]
    create(server, *names)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda turn: teach(server, names[turn % 6], "abc").status_code, range(60)))
    assert answers == [200] * 60
    assert len({hash_of(server, name) for name in names}) == 1
    assert server.client.get("/v1/nets/n0/net").json()["tick"] == 30


def test_one_that_is_damaged_hurts_nobody_else(new_server: MakeServer, tmp_path: Path) -> None:
    server = new_server().start()
    create(server, "bad", "good", "unread")
    for name in ("bad", "good"):
        teach(server, name, "something to lose")
    server.terminate()
    [segment] = (tmp_path / "data/bad/journal").iterdir()
    octets = bytearray(segment.read_bytes())
    octets[12] ^= 255
    segment.write_bytes(octets)
    (tmp_path / "data/nets/unread").write_bytes(b"{}")
    server = new_server().start()
    for name in ("bad", "unread"):
        refused = server.client.get(f"/v1/nets/{name}/net")
        assert problem(refused) == (500, "net-damaged")
        assert name in refused.json()["detail"]
        assert server.client.get(f"/v1/nets/{name}").json()["state"] == "damaged"
    assert teach(server, "good", "on it goes").status_code == 200
    assert server.client.get("/readyz").status_code == 200
    assert server.client.get("/v1/nets").json()["data"][0]["why"] is not None
    for name in ("bad", "unread"):
        assert server.client.delete(f"/v1/nets/{name}").status_code == 204
    create(server, "bad", "unread")
    assert teach(server, "bad", "born again").status_code == 200


def test_a_store_that_is_away_damages_none(new_server: MakeServer, redis_server: RedisServer) -> None:
    server = new_server(store=redis_server.url, nets_hot=1).start()
    create(server, "a", "b")
    teach(server, "a", "before")
    before = hash_of(server, "a")
    teach(server, "b", "b")
    redis_server.kill()
    assert problem(server.client.get("/v1/nets/a/net")) == (503, "store-unavailable")
    assert problem(server.client.post("/v1/nets", json={"name": "c"})) == (503, "store-unavailable")
    assert state_of(server, "a") == "cold"
    redis_server.start()
    assert hash_of(server, "a") == before
    create(server, "c")


def test_streams_are_told_when_the_server_ends(new_server: MakeServer) -> None:
    server = new_server().start()
    create(server, "a")
    with connect(f"ws://127.0.0.1:{server.port}/v1/nets/a/stream") as socket:
        socket.recv()
        server.terminate()
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
