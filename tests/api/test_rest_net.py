"""The net, its settings and snapshots, metrics and the OpenAPI document over REST, of a real server."""

import hashlib
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import realnet
from realnet import Checkpoint, TokenLearner
from service.api.openai.errors import is_openai
from tests.api.asking import TEXT, until
from tests.running_server import ProcessServer, RunningServer


def test_health(server: RunningServer) -> None:
    assert server.client.get("/healthz").json() == {"status": "ok"}
    assert server.client.get("/readyz").json() == {"status": "ready"}


def test_the_net_says_what_it_is(server: RunningServer) -> None:
    net = server.net()
    assert {key: net[key] for key in ("name", "preset", "vocabulary", "outputs", "device", "queue_depth")} == {
        "name": "default",
        "preset": "dendrites",
        "vocabulary": "bytes",
        "outputs": 256,
        "device": "cpu",
        "queue_depth": 0,
    }
    assert net["neurons"] > net["inputs"] >= 256
    assert "weights_sha256" not in net
    assert {len(server.net(hash="true")[key]) for key in ("weights_sha256", "state_sha256")} == {64}


def test_settings_of_the_net_are_changed(server: RunningServer) -> None:
    before = server.net()
    patch = {"learning_rate": 0.5, "plasticity": False, "tick_hz": 0.002}
    changed = server.client.patch("/v1/net", json=patch).json()
    assert {key: changed[key] for key in patch} == patch
    weights = server.weights()
    server.run(text="nothing is learnt")
    assert server.weights() == weights
    patch = {key: before[key] for key in patch}
    assert {key: server.client.patch("/v1/net", json=patch).json()[key] for key in patch} == patch
    assert server.client.patch("/v1/net", json={}).status_code == 200


def test_snapshots_are_taken_listed_given_restored_and_deleted(
    new_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    server = new_server(neurons=1000).start()
    server.run(text=TEXT)
    response = server.client.post("/v1/snapshots")
    first = response.json()
    assert (response.status_code, response.headers["location"]) == (201, f"/v1/snapshots/{first['id']}")
    assert first["tick"] == len(TEXT)
    assert first["state_sha256"] == server.net(hash="true")["state_sha256"]
    more = server.run(text="and some more")
    second = server.snapshot()
    get = server.client.get
    assert get("/v1/snapshots").json() == {"data": [first, second], "has_more": False, "next": None}
    page = get("/v1/snapshots", params={"limit": 1}).json()
    assert page == {"data": [first], "has_more": True, "next": first["id"]}
    page = get("/v1/snapshots", params={"limit": 1, "after": page["next"]}).json()
    assert page == {"data": [second], "has_more": False, "next": None}
    assert get(f"/v1/snapshots/{first['id']}").json() == first

    data = get(f"/v1/snapshots/{first['id']}/data")
    assert data.headers["content-type"] == "application/octet-stream"
    assert data.headers["content-disposition"].endswith(f'tick-{len(TEXT)}.safetensors"')
    assert hashlib.sha256(data.content).hexdigest() == first["sha256"]
    checkpoint = Checkpoint.from_bytes(data.content)
    assert checkpoint.state_sha256() == first["state_sha256"]

    assert server.client.post(f"/v1/snapshots/{first['id']}/restore").json() == first
    assert server.net(hash="true")["state_sha256"] == first["state_sha256"]
    assert server.run(text="and some more") == more
    (tmp_path / "downloaded").write_bytes(data.content)
    learner = realnet.load(tmp_path / "downloaded")
    assert isinstance(learner, TokenLearner)
    expected = learner.run(learner.vocabulary.encode("and some more"))
    assert [each["surprise"] for each in more] == expected.surprise.tolist()

    needed = server.client.delete(f"/v1/snapshots/{first['id']}")  # by the journal, until there is a newer one
    assert (needed.status_code, needed.json()["type"]) == (409, "/problems/conflict")
    third = server.snapshot()
    assert server.client.delete(f"/v1/snapshots/{first['id']}").status_code == 204
    assert get("/v1/snapshots").json()["data"] == [second, third]
    for call in (get, server.client.delete):
        assert call(f"/v1/snapshots/{first['id']}").status_code == 404


def test_a_snapshot_that_was_asked_for_is_kept(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(neurons=1000, snapshots_kept=1, max_kept_snapshots=2).start()
    post, path = server.client.post, "/v1/snapshots"
    mine = server.snapshot()
    assert (mine["kept"], mine["name"]) == (True, None)
    automatic = [post(path, json={"kept": False}).json() for _ in range(3)]
    assert [each["kept"] for each in automatic] == [False] * 3
    assert server.client.get(path).json()["data"] == [mine, automatic[2]]

    named = server.client.patch(f"{path}/{automatic[2]['id']}", json={"kept": True, "name": "the best one"}).json()
    assert named == automatic[2] | {"kept": True, "name": "the best one"}
    assert server.client.get(f"{path}/{named['id']}").json() == named
    full = post(path, json={"name": "one too many"})
    assert (full.status_code, full.json()["type"]) == (409, "/problems/conflict")
    assert server.client.patch(f"{path}/{mine['id']}", json={"kept": False}).json() == mine | {"kept": False}
    unnamed = server.client.patch(f"{path}/{named['id']}", json={"name": None}).json()
    assert unnamed == named | {"name": None}
    another = post(path, json={"name": "Ω 1"}).json()
    assert server.client.get(path).json()["data"] == [mine | {"kept": False}, unnamed, another]
    assert server.client.patch(f"{path}/00000099", json={"kept": True}).status_code == 404
    for wrong in ({"name": ""}, {"name": "a\nb"}, {"name": "a" * 81}, {"kept": 1}, {"keep": True}):
        assert post(path, json=wrong).status_code == 422
        assert server.client.patch(f"{path}/{mine['id']}", json=wrong).status_code == 422


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="the metric is Linux's")
def test_snapshots_leave_no_memory_behind(new_process: Callable[..., ProcessServer]) -> None:
    server = new_process(preset="surprise").start()

    def megabytes() -> float:
        metrics = dict(line.rsplit(" ", 1) for line in server.client.get("/metrics").text.splitlines())
        return float(metrics["process_resident_memory_bytes"]) / 1e6

    before = megabytes()
    for _ in range(2):  # each is some 26 MB, several times while it is saved or restored
        path = f"/v1/snapshots/{server.snapshot()['id']}"
        assert len(server.client.get(f"{path}/data").content) > 20e6
        assert server.client.post(f"{path}/restore").status_code == 200
        assert megabytes() < before + 80


def test_metrics_are_prometheus(server: RunningServer) -> None:
    response = server.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    lines = dict(line.rsplit(" ", 1) for line in response.text.splitlines() if line.startswith("realnet_"))
    assert float(lines['realnet_tick{net="default"}']) == server.net()["tick"]
    assert float(lines['realnet_up{net="default"}']) == 1
    assert sum(float(value) for key, value in lines.items() if key.startswith("realnet_mode{")) == 1


def test_the_document_declares_every_problem(server: RunningServer) -> None:
    document = server.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert {"Problem", "ErrorLocation", "TokenOutput", "FrameOutput", "Expected", "Net", "Snapshot"} <= schemas.keys()
    assert "HTTPValidationError" not in json.dumps(document)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    media_type = "application/json" if is_openai(path) else "application/problem+json"
                    assert response["content"].keys() == {media_type}, (method, path, status)
            if path not in ("/healthz", "/v1/me"):
                assert operation["x-scope"] in ("merge", "read", "teach", "admin"), (method, path)
                assert operation["security"] == [{}, {"key": []}]
                assert {"401", "403", "429"} <= operation["responses"].keys(), (method, path)
    declared = {(path, method) for path, operations in document["paths"].items() for method in operations}
    assert {
        ("/healthz", "get"),
        *(("/v1/nets", method) for method in ("get", "post")),
        *(("/v1/nets/{name}", method) for method in ("get", "patch", "delete")),
        ("/readyz", "get"),
        ("/metrics", "get"),
        ("/v1/net", "get"),
        ("/v1/net", "patch"),
        ("/v1/net/explain", "get"),
        ("/v1/net/grow", "post"),
        ("/v1/net/shrink", "post"),
        ("/v1/net/history", "get"),
        ("/v1/net/anchors", "get"),
        ("/v1/net/activity", "get"),
        ("/v1/net/expected", "get"),
        ("/v1/net/matrix", "get"),
        ("/v1/net/tokens", "get"),
        ("/v1/hive", "get"),
        ("/v1/journal", "get"),
        ("/v1/takeovers", "post"),
        ("/v1/links", "get"),
        ("/v1/links", "post"),
        ("/v1/links/{id}", "delete"),
        ("/v1/observe", "post"),
        ("/v1/streams", "get"),
        ("/v1/streams/{name}", "get"),
        ("/v1/streams/{name}", "put"),
        ("/v1/streams/{name}", "patch"),
        ("/v1/streams/{name}", "delete"),
        ("/v1/rows", "get"),
        ("/v1/events", "get"),
        ("/v1/feedback", "post"),
        ("/v1/logs", "post"),
        ("/api/v1/write", "post"),
        ("/v1/hooks", "get"),
        ("/v1/hooks", "post"),
        ("/v1/hooks/{id}", "delete"),
        ("/v1/hooks/{id}/test", "post"),
        ("/v1/hive/promote", "post"),
        ("/v1/me", "get"),
        ("/v1/inputs", "post"),
        ("/v1/outputs", "get"),
        ("/v1/generate", "post"),
        ("/v1/models", "get"),
        ("/v1/models/{model}", "get"),
        ("/v1/completions", "post"),
        ("/v1/chat/completions", "post"),
        ("/v1/datasets", "post"),
        ("/v1/datasets", "get"),
        ("/v1/datasets/{id}", "get"),
        ("/v1/datasets/{id}", "delete"),
        ("/v1/jobs/dream", "post"),
        ("/v1/jobs/sleep", "post"),
        ("/v1/jobs/rebase-children", "post"),
        ("/v1/jobs/merge-children", "post"),
        ("/v1/daydream", "post"),
        ("/v1/merges", "get"),
        ("/v1/merges", "post"),
        ("/v1/merges/share", "post"),
        ("/v1/merges/adopt", "post"),
        ("/v1/self", "get"),
        ("/v1/jobs/fit", "post"),
        ("/v1/jobs", "get"),
        ("/v1/jobs/{id}", "get"),
        ("/v1/jobs/{id}/events", "get"),
        ("/v1/jobs/{id}/cancel", "post"),
        ("/v1/snapshots", "post"),
        ("/v1/snapshots", "get"),
        ("/v1/snapshots/{id}", "get"),
        ("/v1/snapshots/{id}", "patch"),
        ("/v1/snapshots/{id}", "delete"),
        ("/v1/snapshots/{id}/data", "get"),
        ("/v1/snapshots/{id}/memory", "get"),
        ("/v1/snapshots/{id}/restore", "post"),
        ("/v1/snapshots/upload", "post"),
        ("/v1/sessions", "get"),
        ("/v1/sessions/{name}", "delete"),
    } == declared


def test_health_answers_fast_while_the_engine_runs_at_full_speed(new_process: Callable[..., ProcessServer]) -> None:
    server = new_process().start()
    stop = threading.Event()

    def feed() -> None:
        with httpx.Client(base_url=server.url, timeout=30.0) as client:
            while not stop.is_set():
                client.post("/v1/inputs", params={"wait": "true"}, json={"text": TEXT * 4})

    thread = threading.Thread(target=feed)
    thread.start()
    until(lambda: server.net()["ticks_per_second"] > 0)
    waits = []
    for _ in range(200):
        started = time.perf_counter()
        server.client.get("/healthz")
        waits.append(time.perf_counter() - started)
    stop.set()
    thread.join()
    assert sorted(waits)[197] < 0.1  # 20 ms on a machine that does nothing else
