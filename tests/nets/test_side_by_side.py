"""Two nets of one server, of which each has all of its own; and what is no net."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from service.auth.keys import Scope, create_key
from tests.nets.asking import create, hash_of, listed, numbers, problem, state_of, teach
from tests.running_server import ThreadServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """One with the nets `left` and `right`."""
    server = ThreadServer(tmp_path_factory.mktemp("nets"), nets=7)
    create(server.start(), "left", "right")
    yield server
    server.close()


def of(server: ThreadServer, name: str, path: str, **parameters: str) -> Any:
    return server.client.get(f"/v1/nets/{name}/{path}", params=parameters).raise_for_status().json()


def test_each_learns_its_own(server: ThreadServer) -> None:
    default = server.net(hash="true")["state_sha256"]
    alike = hash_of(server, "left")
    assert hash_of(server, "right") == alike
    assert teach(server, "left", "what is left").json() == {"accepted": 12, "outputs": []}
    assert hash_of(server, "left") != alike == hash_of(server, "right")
    assert (of(server, "left", "net")["name"], of(server, "left", "net")["tick"]) == ("left", 12)
    assert len(of(server, "left", "outputs")["outputs"]) == 12
    assert of(server, "right", "outputs")["outputs"] == []
    assert server.client.get("/v1/nets/default/net", params={"hash": "true"}).json()["state_sha256"] == default


def test_a_stream_is_of_one_net(server: ThreadServer) -> None:
    before = hash_of(server, "left")
    with connect(f"ws://127.0.0.1:{server.port}/v1/nets/right/stream?client_id=me") as socket:
        assert json.loads(socket.recv())["net"]["name"] == "right"
        socket.send(json.dumps({"type": "input", "seq": 7, "text": "so"}))
        assert next(each for each in map(json.loads, socket) if each["type"] == "ack")["seq"] == 7
    for name, seq in (("right", 7), ("left", 0)):
        with connect(f"ws://127.0.0.1:{server.port}/v1/nets/{name}/stream?client_id=me") as socket:
            assert json.loads(socket.recv())["last_seq"] == seq
    assert hash_of(server, "left") == before


def test_snapshots_sessions_streams_and_keys_are_of_one_net(server: ThreadServer) -> None:
    post = server.client.post
    taken = post("/v1/nets/left/snapshots")
    assert taken.headers["location"] == f"/v1/nets/left/snapshots/{taken.json()['id']}"
    assert server.client.get(taken.headers["location"]).json() == taken.json()
    assert of(server, "right", "snapshots")["data"] == []

    assert teach(server, "left", "a", session="mine").status_code == 200
    assert [each["name"] for each in of(server, "left", "sessions")["data"]] == ["mine"]
    assert of(server, "right", "sessions")["data"] == []

    assert post("/v1/nets/left/observe", json={"stream": "cpu", "values": [1.0]}).status_code == 200
    assert [each["name"] for each in of(server, "left", "streams")["data"]] == ["cpu"]
    assert of(server, "right", "streams")["data"] == []

    for name in ("left", "right"):
        tick = of(server, name, "net")["tick"]
        for _ in range(2):
            once = {"Idempotency-Key": "once"}
            path = f"/v1/nets/{name}/inputs"
            assert post(path, json={"text": "abc"}, headers=once, params={"wait": "true"}).status_code == 200
        assert of(server, name, "net")["tick"] == tick + 3


def test_data_sets_and_jobs_are_of_one_net(server: ThreadServer) -> None:
    uploaded = server.client.post("/v1/nets/left/datasets", files={"file": ("a.txt", b"to be dreamt of")})
    assert uploaded.headers["location"] == f"/v1/nets/left/datasets/{uploaded.json()['id']}"
    assert of(server, "right", "datasets")["data"] == []
    request = {"dataset": uploaded.json()["id"]}
    assert problem(server.client.post("/v1/nets/right/jobs/dream", json=request)) == (422, "invalid")
    before = hash_of(server, "right")
    job = server.client.post("/v1/nets/left/jobs/dream", json=request)
    assert job.headers["location"] == f"/v1/nets/left/jobs/{job.json()['id']}"
    with server.client.stream("GET", f"{job.headers['location']}/events") as events:
        assert '"succeeded"' in "".join(events.iter_lines())
    assert of(server, "right", "jobs")["data"] == []
    assert hash_of(server, "right") == before


def test_other_kinds(server: ThreadServer) -> None:
    create(server, "frames", kind="frames", inputs=3, outputs=2)
    frames = {"frames": [[1, 0, 0]], "teachers": [[0, 1]]}
    assert server.client.post("/v1/nets/frames/inputs", params={"wait": "true"}, json=frames).status_code == 200
    create(server, "logs", kind="streams")
    assert server.client.post("/v1/nets/logs/observe", json={"stream": "a", "values": [1.0]}).status_code == 200
    shown = server.client.get("/v1/nets/logs").json()
    assert (shown["kind"], shown["settings"], shown["state"]) == ("streams", {"tick_hz": 0.001}, "hot")
    assert shown["bytes"] < 2 * 10**6


def test_what_is_changed_stays(server: ThreadServer) -> None:
    create(server, "slow")
    changed = server.client.patch("/v1/nets/slow", json={"tick_hz": 0.002, "self_loop": True})
    assert changed.json()["settings"] == {"variant": "compact", "memory": 2**16, "tick_hz": 0.002, "self_loop": True}
    assert (of(server, "slow", "net")["tick_hz"], of(server, "slow", "net")["self_loop"]) == (0.002, True)
    assert server.client.patch("/v1/nets/slow", json={"self_loop": False}).status_code == 200
    assert (of(server, "slow", "net")["tick_hz"], of(server, "slow", "net")["self_loop"]) == (0.002, False)
    assert problem(server.client.patch("/v1/nets/default", json={"tick_hz": 1.0})) == (409, "conflict")
    assert problem(server.client.patch("/v1/nets/none", json={"tick_hz": 1.0})) == (404, "not-found")


def test_a_list_comes_in_pages(server: ThreadServer) -> None:
    first = server.client.get("/v1/nets", params={"limit": 2}).json()
    assert [each["name"] for each in first["data"]] == listed(server)[:2]
    assert (first["has_more"], first["next"]) == (True, listed(server)[1])
    assert listed(server, after=first["next"]) == listed(server)[2:]
    assert listed(server, prefix="le") == ["left"]
    assert listed(server, prefix="x") == []
    assert {"default", "left", "right"} <= set(listed(server))


WRONG: list[tuple[dict[str, object], int, str]] = [
    ({"name": "left"}, 409, ""),
    ({"name": "default"}, 409, ""),
    ({"name": "x", "kind": "frames"}, 422, "/kind"),
    ({"name": "x", "kind": "tokens", "inputs": 1, "outputs": 1}, 422, "/kind"),
    ({"name": "x", "kind": "streams", "seed": 1}, 422, "/kind"),
    ({"name": "x", "kind": "frames", "inputs": 1, "outputs": 1, "self_loop": True}, 422, "/self_loop"),
    ({"name": "x", "vocabulary": "/etc/passwd"}, 422, "/vocabulary"),
    ({"name": "x", "vocabulary": "symbols:x"}, 422, ""),
    ({"name": "x", "variant": "compact"}, 422, ""),
    ({"name": "x", "max_lines": 1}, 422, "/max_lines"),
    ({"name": "x", "preset": "literal", "neurons": 10**6}, 409, ""),
    ({"name": "x", "hash_every": 1}, 422, "/hash_every"),
]


NO_NAMES = ["", "A", ".a", "-a", "a/b", "ä", "a" * 65, "a\n", "nets"]
WRONG += [({"name": name}, 422, "/name") for name in NO_NAMES]


@pytest.mark.parametrize(("body", "status", "pointer"), WRONG)
def test_what_cannot_be_made(server: ThreadServer, body: dict[str, object], status: int, pointer: str) -> None:
    before = listed(server)
    refused = server.client.post("/v1/nets", json=body)
    assert problem(refused) == (status, "invalid" if status == 422 else "conflict")
    if status == 422:
        assert [each["pointer"] for each in refused.json()["errors"]] == [pointer]
    assert listed(server) == before


def test_what_is_no_net(server: ThreadServer) -> None:
    get = server.client.get
    for path in (
        "none",
        "none/net",
        "none/stream",
        "Left/net",
        "left/nets",
        "left/hive",
        "left/nothing",
        "..%2Fleft/net",
    ):
        assert problem(get(f"/v1/nets/{path}"))[0] == 404, path
    assert problem(server.client.put("/v1/nets/left/net")) == (405, "method-not-allowed")
    assert problem(server.client.delete("/v1/nets/none")) == (404, "not-found")
    assert problem(server.client.delete("/v1/nets/default")) == (409, "conflict")


def test_keys_are_asked_for_before_a_net_is_woken(new_server: Callable[..., ThreadServer], tmp_path: Path) -> None:
    keys = {scope: create_key(tmp_path / "keys", scope.word, scope) for scope in (Scope.READ, Scope.TEACH, Scope.ADMIN)}
    server = new_server(keys_file=tmp_path / "keys")
    server.client.headers["authorization"] = f"Bearer {keys[Scope.READ]}"
    server.start()

    def asked(method: str, path: str, scope: Scope | None, body: object = None) -> int:
        headers = {"Authorization": "" if scope is None else f"Bearer {keys[scope]}"}
        return server.client.request(method, path, json=body, headers=headers).status_code

    assert asked("POST", "/v1/nets", Scope.TEACH, {"name": "a"}) == 403
    assert asked("POST", "/v1/nets", Scope.ADMIN, {"name": "a"}) == 201
    assert asked("GET", "/v1/nets/a/net", None) == asked("GET", "/v1/nets/none/net", None) == 401
    assert asked("POST", "/v1/nets/a/inputs", Scope.READ, {"text": "a"}) == 403
    assert asked("DELETE", "/v1/nets/a", Scope.TEACH) == 403
    assert state_of(server, "a") == "cold"
    assert asked("POST", "/v1/nets/a/inputs", Scope.TEACH, {"text": "a"}) == 202


def test_no_more_than_may_be(server: ThreadServer) -> None:
    count = len(listed(server)) - 1
    create(server, *(f"more-{number}" for number in range(7 - count)))
    refused = server.client.post("/v1/nets", json={"name": "one-too-many"})
    assert problem(refused) == (409, "conflict")
    assert "7 nets" in refused.json()["detail"]
    assert server.client.delete("/v1/nets/more-0").status_code == 204
    create(server, "one-less")


def test_metrics_and_log_tell_the_net(server: ThreadServer) -> None:
    teach(server, "left", "a")
    told = numbers(server)
    assert told["realnet_nets"][""] == len(listed(server))
    assert {"default", "left"} <= told["realnet_tick"].keys()
    assert told["realnet_net_waking_seconds_count"][""] >= told["realnet_nets_hot"][""] >= 1
    assert "one-less" not in told["realnet_tick"]
    assert state_of(server, "one-less") == "cold"
    lines = [json.loads(line) for line in server.log.splitlines()]
    assert {"route": "/v1/inputs", "net": "left"}.items() <= next(
        line.items() for line in reversed(lines) if line.get("route") == "/v1/inputs"
    )


def test_they_are_there_again_after_a_restart(
    new_server: Callable[..., ThreadServer], store_url: str, tmp_path: Path
) -> None:
    server = new_server(store=store_url).start()
    create(server, "a", "b")
    teach(server, "a", "something")
    before = hash_of(server, "a")
    server.terminate()
    server = new_server(store=store_url).start()
    assert listed(server) == ["a", "b", "default"]
    assert state_of(server, "a") == "cold"
    assert hash_of(server, "a") == before
    assert server.client.get("/v1/nets/a").json()["created"].endswith("Z")
