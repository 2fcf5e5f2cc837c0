"""Limits of a net: what all who ask it may ask for together, over whatever way, and what it keeps."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from service.auth.keys import Scope, create_key
from service.auth.share import Share
from tests.auth.guarded import bearer, until
from tests.nets.asking import SMALL, create, problem, state_of, teach
from tests.running_server import RunningServer, ThreadServer

MakeServer = Callable[..., ThreadServer]
NONE = {"rate_requests": None, "rate_ticks": None, "snapshots_kept": None}
ONE = {"rate_requests": 0.001}  # a request, and the next one after a quarter of an hour
TICKS = {"rate_ticks": 10}
MANY = "x" * 10_000  # ticks: what comes after them waits for a quarter of an hour


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """One with the net `slow`, which has been asked for more ticks than it may be, and `free`."""
    server = ThreadServer(tmp_path_factory.mktemp("slow")).start()
    create(server, "slow", limits=TICKS, **SMALL)
    create(server, "free")
    assert teach(server, "slow", MANY).status_code == 200  # one request may overdraw
    yield server
    server.close()


def limit(server: RunningServer, name: str, **limits: float | None) -> dict[str, Any]:
    """Change limits of a net, and return all that it has."""
    changed = server.client.patch(f"/v1/nets/{name}", json={"limits": limits}).raise_for_status()
    return dict(changed.json()["limits"])


def tick_of(server: RunningServer, name: str) -> int:
    return int(server.client.get(f"/v1/nets/{name}").json()["tick"])


@contextmanager
def stream_of(server: RunningServer, name: str) -> Iterator[ClientConnection]:
    url = f"ws://127.0.0.1:{server.port}/v1/nets/{name}/stream?outputs=none"
    with connect(url, compression=None) as stream:
        assert json.loads(stream.recv())["type"] == "hello"
        yield stream


def say(connection: ClientConnection, type: str, seq: int, **message: object) -> None:
    connection.send(json.dumps({"type": type, "seq": seq} | message))


def heard(connection: ClientConnection, timeout: float = 10.0) -> dict[str, Any]:
    """Return the next answer of a stream. Raises TimeoutError."""
    while (message := json.loads(connection.recv(timeout=timeout)))["type"] == "event":
        pass
    return dict(message)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/inputs?wait=true&outputs=none", {"text": "a"}),  # is answered before the router
        ("/inputs?outputs=none&wait=false", {"text": "a"}),  # is the route's
        ("/generate", {"prompt": "a", "max_tokens": 2}),
        ("/observe", {"stream": "logs", "lines": ["a line"]}),
        ("/logs", {"resourceLogs": []}),
        ("/jobs/dream", {"dataset": "0" * 64}),
        ("/completions", {"model": "slow", "prompt": "a", "max_tokens": 2}),
    ],
)
def test_its_ticks_are_those_of_all_ways_together(slow: ThreadServer, path: str, body: dict[str, Any]) -> None:
    before = tick_of(slow, "slow")
    limited = slow.client.post(f"/v1/nets/slow{path}", json=body)
    assert limited.status_code == 429
    assert 800 < int(limited.headers["retry-after"]) <= 1000
    assert "more ticks a second than the net slow may be asked for" in limited.text
    if path != "/completions":
        assert problem(limited) == (429, "limited")
    assert tick_of(slow, "slow") == before
    free = slow.client.post(f"/v1/nets/free{path}", json=body | ({"model": "free"} if "model" in body else {}))
    assert free.status_code in (200, 202, 422)  # there is no such data set


def test_what_it_says_counts_as_what_it_hears(new_server: MakeServer) -> None:
    server = new_server().start()
    create(server, "a", limits=TICKS, **SMALL)
    asked = {"prompt": "a", "max_tokens": 1000}
    assert server.client.post("/v1/nets/a/generate", json=asked).status_code == 200
    assert problem(teach(server, "a", "a")) == (429, "limited")


def test_a_stream_is_held_back_and_goes_on_when_the_limit_is_taken_away(new_server: MakeServer) -> None:
    server = new_server().start()
    create(server, "a")
    with stream_of(server, "a") as stream, stream_of(server, "a") as other:
        say(stream, "input", 1, text=MANY)
        assert heard(stream)["type"] == "ack"
        assert limit(server, "a", rate_ticks=10) == NONE | TICKS  # begins with what a second has
        say(stream, "input", 2, text=MANY)
        assert heard(stream)["type"] == "ack"
        say(stream, "input", 3, text="a")
        say(other, "observe", 1, stream="cpu", values=[1.0])
        for each in (stream, other):
            with pytest.raises(TimeoutError):
                heard(each, timeout=0.2)
        with stream_of(server, "a") as third:
            say(third, "generate", 1, prompt="a", max_tokens=1)
            refused = heard(third)
            assert (refused["type"], refused["problem"]["type"]) == ("error", "/problems/limited")
            assert "the net a" in refused["problem"]["detail"]
        assert limit(server, "a", rate_ticks=None) == NONE
        assert (heard(stream)["type"], heard(other)["type"]) == ("ack", "observed")
    assert teach(server, "a", "a").status_code == 200


def test_its_requests_are_counted_once_and_one_too_many_wakes_nothing(new_server: MakeServer) -> None:
    server = new_server(nets_hot=1).start()
    create(server, "a", limits=ONE, **SMALL)
    create(server, "b", limits=ONE, **SMALL)
    said = {"prompt": "a", "max_tokens": 1}
    assert server.client.post("/v1/nets/a/completions", json=said | {"model": "a"}).status_code == 200
    assert server.client.post("/v1/completions", json=said | {"model": "b"}).status_code == 200
    until(lambda: state_of(server, "a") == "cold")  # to look at one is no request to it
    for limited in (server.client.get("/v1/nets/a/net"), teach(server, "a", "a")):
        assert problem(limited) == (429, "limited")
        assert "more requests a second than the net a may be asked for" in limited.text
    limited = server.client.post("/v1/completions", json=said | {"model": "b"})
    assert (limited.status_code, limited.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert (state_of(server, "a"), state_of(server, "b")) == ("cold", "hot")
    limit(server, "a", rate_requests=None)
    assert teach(server, "a", "a").status_code == 200


def test_one_that_was_cold_owes_what_it_owed(new_server: MakeServer) -> None:
    server = new_server(nets_hot=1).start()
    create(server, "a", limits=TICKS, **SMALL)
    create(server, "b")
    teach(server, "a", MANY)
    teach(server, "b", "b")
    until(lambda: state_of(server, "a") == "cold")
    limited = teach(server, "a", "a")
    assert problem(limited) == (429, "limited")
    assert int(limited.headers["retry-after"]) > 800
    assert state_of(server, "a") == "hot"
    assert limit(server, "a", rate_ticks=10, rate_requests=1e6)["rate_ticks"] == 10  # as before, and owes on
    assert problem(teach(server, "a", "a")) == (429, "limited")


def test_they_are_stored_and_changed_one_by_one(new_server: MakeServer, store_url: str) -> None:
    server = new_server(store=store_url).start()
    create(server, "a", limits=TICKS | {"snapshots_kept": 2}, **SMALL)
    create(server, "b")
    assert server.client.get("/v1/nets/a").json()["limits"] == NONE | TICKS | {"snapshots_kept": 2}
    assert limit(server, "a", rate_requests=0.5) == {"rate_requests": 0.5, "rate_ticks": 10, "snapshots_kept": 2}
    assert limit(server, "a", snapshots_kept=None) == NONE | {"rate_requests": 0.5, "rate_ticks": 10}
    server.client.patch("/v1/nets/a", json={"tick_hz": 1}).raise_for_status()
    server.close()
    server = new_server(store=store_url).start()
    shown = {each["name"]: each["limits"] for each in server.client.get("/v1/nets").json()["data"]}
    assert shown == {"a": NONE | {"rate_requests": 0.5, "rate_ticks": 10}, "b": NONE, "default": None}
    assert server.client.get("/v1/nets/a/net").status_code == 200
    assert problem(server.client.get("/v1/nets/a/net")) == (429, "limited")


@pytest.mark.parametrize(
    ("limits", "pointer"),
    [
        ({"rate_ticks": 0}, "/limits/rate_ticks"),
        ({"rate_ticks": "10"}, "/limits/rate_ticks"),
        ({"rate_requests": -1}, "/limits/rate_requests"),
        ({"rate_requests": 1e10}, "/limits/rate_requests"),
        ({"snapshots_kept": 0}, "/limits/snapshots_kept"),
        ({"rate": 1}, "/limits/rate"),
        (None, "/limits"),
    ],
)
def test_what_is_no_limit(slow: ThreadServer, limits: Any, pointer: str) -> None:
    before = slow.client.get("/v1/nets/free").json()
    for refused in (
        slow.client.post("/v1/nets", json={"name": "new", "limits": limits}),
        slow.client.patch("/v1/nets/free", json={"tick_hz": 2, "limits": limits}),
    ):
        assert problem(refused)[0] == 422
        assert [each["pointer"] for each in refused.json()["errors"]] == [pointer]
    assert slow.client.get("/v1/nets/free").json() == before
    assert slow.client.get("/v1/nets/new").status_code == 404


def test_the_server_s_own_net_has_those_of_the_server(slow: ThreadServer) -> None:
    assert problem(slow.client.patch("/v1/nets/default", json={"limits": TICKS})) == (409, "conflict")
    assert slow.client.get("/v1/nets/default").json()["limits"] is None


def test_both_the_key_and_the_net_have_theirs(tmp_path: Path, new_server: MakeServer) -> None:
    keys = tmp_path / "keys"
    admin, others = create_key(keys, "admin", Scope.ADMIN), create_key(keys, "others", Scope.TEACH)
    few = create_key(keys, "few", Scope.TEACH, Share(rate_ticks=10))
    server = new_server(keys_file=keys)
    server.client.headers = bearer(admin)
    server.start()
    create(server, "a", limits=TICKS, **SMALL)
    create(server, "b")

    def taught(key: str, name: str, text: str = "a") -> httpx.Response:
        return server.client.post(f"/v1/nets/{name}/inputs", json={"text": text}, headers=bearer(key))

    assert taught(admin, "a", MANY).status_code == 202
    assert "the net a" in taught(others, "a").json()["detail"]  # whoever sends them
    assert taught(others, "b").status_code == 202
    assert taught(few, "b", MANY).status_code == 202
    assert "one key" in taught(few, "b").json()["detail"]
    assert taught(others, "b").status_code == 202


def test_it_keeps_so_many_snapshots(new_server: MakeServer) -> None:
    server = new_server(snapshots_kept=3).start()
    create(server, "a", limits={"snapshots_kept": 1}, **SMALL)

    def kept() -> int:
        for _ in range(4):
            server.client.post("/v1/nets/a/snapshots", json={"kept": False}).raise_for_status()
        return len(server.client.get("/v1/nets/a/snapshots").json()["data"])

    assert kept() == 1
    limit(server, "a", snapshots_kept=2)
    assert kept() == 2
    limit(server, "a", snapshots_kept=100)  # no more than the server has it
    assert kept() == 3


def test_one_that_is_made_again_owes_nothing(new_server: MakeServer) -> None:
    server = new_server().start()
    for _ in range(2):
        create(server, "a", limits=TICKS, **SMALL)
        assert teach(server, "a", MANY).status_code == 200
        assert teach(server, "a", "a").status_code == 429
        assert server.client.delete("/v1/nets/a").status_code == 204
