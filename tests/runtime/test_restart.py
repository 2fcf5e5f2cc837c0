"""A server that is stopped, killed or robbed of its store, and what the one that comes after knows, on both stores.

Kills at any moment are in tests/faults.
"""

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.server.run import run
from service.settings import Settings
from tests.redis_server import RedisServer
from tests.running_server import ProcessServer, ThreadServer
from tests.runtime.life import living

TEXT = "the net lives, and learns from every token. " * 40
NEXT = "what comes after is known to the last bit. " * 24

MakeServer = Callable[..., ThreadServer]
MakeProcess = Callable[..., ProcessServer]


def untimed(net: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in net.items() if key not in ("ticks_per_second", "mode", "memory_bytes")}


def test_a_clean_stop_loses_nothing(new_server: MakeServer, store_url: str) -> None:
    server = new_server(store=store_url).start()
    server.run(text=TEXT)
    server.snapshot()
    before = server.net(hash="true")
    uninterrupted = server.run(text=NEXT)[:1000]
    server.client.post(f"/v1/snapshots/{server.client.get('/v1/snapshots').json()['data'][0]['id']}/restore")
    started = time.monotonic()
    server.terminate()
    assert time.monotonic() - started < 10
    server.start()
    assert untimed(server.net(hash="true")) == untimed(before)
    assert server.run(text=NEXT)[:1000] == uninterrupted


def test_a_stop_with_requests_open_is_orderly_and_quiet(new_process: MakeProcess) -> None:
    server = new_process(neurons=1000, max_tokens=100_000_000).start()
    upload = b"POST /v1/datasets HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\nexpect: 100-continue\r\n"
    upload += b"content-type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    body = {"max_tokens": 100_000_000, "stream": True}
    with (
        socket.create_connection(("127.0.0.1", server.port)) as uploading,
        server.client.stream("POST", "/v1/generate", json=body) as generating,
    ):
        uploading.sendall(upload)
        assert uploading.recv(2**16).startswith(b"HTTP/1.1 100 ")  # from here on the request is open
        chunks = generating.iter_raw()
        next(chunks)
        assert server.terminate() == -15
        assert uploading.recv(2**16).startswith(b"HTTP/1.1 503 ")
        with pytest.raises(httpx.RemoteProtocolError):
            list(chunks)
    assert "Traceback" not in server.log


def test_what_was_accepted_is_learnt_before_the_last_snapshot(new_server: MakeServer) -> None:
    server = new_server().start()
    for _ in range(10):
        assert server.client.post("/v1/inputs", json={"text": TEXT}).status_code == 202
    server.terminate()
    assert "not learnt" not in server.log
    assert server.start().net()["tokens_seen"] == 10 * len(TEXT)


def test_a_stop_with_nothing_new_takes_no_snapshot(new_server: MakeServer) -> None:
    server = new_server(neurons=1000).start()
    server.run(text="new")
    server.terminate()
    server.start().terminate()
    server.start()
    [snapshot] = server.client.get("/v1/snapshots").json()["data"]
    assert snapshot["tick"] == server.net()["tick"] == 3


def test_a_killed_server_goes_on_where_it_was(new_process: MakeProcess, store_url: str) -> None:
    server = new_process(store=store_url, neurons=1000).start()
    server.run(text=TEXT)
    server.snapshot()
    server.run(text=NEXT)
    before = server.net(hash="true")
    server.kill()
    assert untimed(server.start().net(hash="true")) == untimed(before)


@pytest.mark.anyio
async def test_without_a_journal_a_killed_net_goes_on_from_its_snapshot(store_url: str) -> None:
    async with living(store_url, policy="off") as life:
        await life.run(1)
        snapshot = await life.snapshotter.save()
        await life.run(2)
    async with living(store_url, policy="off") as life:
        assert (life.engine.status.tick, await life.state()) == (snapshot.tick, snapshot.state_sha256)


def test_a_snapshot_comes_before_its_time_if_much_was_learnt(new_server: MakeServer) -> None:
    server = new_server(snapshot_every=0, snapshot_ticks=len(TEXT), neurons=1000).start()
    server.run(text=TEXT)
    while "at tick" not in server.log:
        time.sleep(0.01)


def test_snapshots_come_by_themselves_if_something_was_learnt(new_server: MakeServer) -> None:
    server = new_server(snapshot_every=0.05, snapshots_kept=2, neurons=1000).start()

    for number in range(1, 4):
        server.run(text=TEXT)
        while server.log.count("at tick") < number:
            time.sleep(0.01)

    def kept() -> list[int]:
        return [int(each["id"]) for each in server.client.get("/v1/snapshots").json()["data"]]

    while (ids := kept())[-1] != server.log.count("at tick"):  # one more for each that came while it learnt
        time.sleep(0.01)
    assert ids == [ids[-1] - 1, ids[-1]]


def test_a_damaged_snapshot_is_reported_and_nothing_is_lost(new_server: MakeServer, tmp_path: Path) -> None:
    server = new_server(neurons=1000).start()
    server.run(text=TEXT)
    server.snapshot()
    server.run(text=NEXT)
    bad = server.snapshot()
    server.kill()
    chunk = tmp_path / "data" / "default" / "snapshots" / bad["id"] / "chunk-00000"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    net = server.start().net(hash="true")
    assert net["state_sha256"] == bad["state_sha256"]
    assert f"snapshot {bad['id']} is damaged: chunk 0 has the wrong checksum" in server.log
    for method, path in (("GET", "/data"), ("POST", "/restore")):
        response = server.client.request(method, f"/v1/snapshots/{bad['id']}{path}")
        assert (response.status_code, response.json()["type"]) == (409, "/problems/conflict")
    assert server.net(hash="true")["state_sha256"] == bad["state_sha256"]


def test_a_store_that_is_gone_is_seen_and_nothing_is_learnt_meanwhile(
    new_process: MakeProcess, redis_server: RedisServer
) -> None:
    server = new_process(store=redis_server.url, neurons=1000).start()
    server.run(text=TEXT)
    redis_server.kill()
    while server.is_ready():
        time.sleep(0.05)
    problem = server.client.get("/readyz").json()
    assert (problem["status"], problem["type"]) == (503, "/problems/store-unavailable")
    assert server.client.post("/v1/snapshots").status_code == 503
    assert server.client.get("/healthz").status_code == 200
    before = server.weights()
    refused = server.client.post("/v1/inputs", json={"text": "is refused"})
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/not-durable")
    assert refused.headers["retry-after"] == "1"
    assert server.client.patch("/v1/net", json={"learning_rate": 1.0}).status_code == 503
    assert len(server.client.post("/v1/generate", json={"max_tokens": 9}).json()["tokens"]) == 9
    assert server.client.patch("/v1/net", json={"tick_hz": 0.002}).status_code == 200
    assert '\nrealnet_journal_up{net="default"} 0.0\n' in server.client.get("/metrics").text
    redis_server.start()
    while not server.is_ready():
        time.sleep(0.05)
    assert server.weights() == before
    assert len(server.run(text="goes on")) == 7
    assert server.snapshot()["tick"] == len(TEXT) + 7
    server.kill()
    assert server.start().net()["tokens_seen"] == len(TEXT) + 7


def test_a_stop_without_a_store_takes_no_more_than_ten_seconds(
    new_server: MakeServer, redis_server: RedisServer
) -> None:
    server = new_server(store=redis_server.url, neurons=1000).start()
    server.run(text=TEXT)
    redis_server.stall()
    started = time.monotonic()
    server.terminate()
    assert time.monotonic() - started < 10
    assert "no last snapshot" in server.log
    redis_server.resume()


def test_a_net_that_is_not_as_asked_for_is_left_in_its_store(new_server: MakeServer) -> None:
    server = new_server(neurons=1000).start()
    server.run(text="a")
    server.terminate()
    for wrong in ({"preset": "literal"}, {"inputs": 3, "outputs": 2}):
        says_why(new_server(**wrong), "give another store")
    assert new_server().start().net()["neurons"] == 1000


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"store": "redis://127.0.0.1:1/0"}, "redis://127.0.0.1:1/0"),
        ({"store": "nonsense:"}, "a store is file:"),
        ({"store": "file:///dev/null/data"}, "/dev/null"),
        ({"neurons": 10}, "num_neurons must be at least"),
    ],
)
def test_a_server_that_cannot_start_says_why(new_server: MakeServer, settings: dict[str, Any], why: str) -> None:
    says_why(new_server(**settings), why)


def test_a_net_that_cannot_be_created_leaves_room_for_another(new_server: MakeServer) -> None:
    says_why(new_server(neurons=10), "num_neurons must be at least")
    assert new_server(neurons=1000).start().net()["neurons"] == 1000


def test_more_workers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "2")
    with pytest.raises(SystemExit, match="realnet: WEB_CONCURRENCY is not 1"):
        run(Settings())


def test_ranks_are_started_by_torchrun() -> None:
    with pytest.raises(SystemExit, match=r"realnet: device sharded .*torchrun --nproc-per-node 2"):
        run(Settings(device="sharded"))


def says_why(server: ThreadServer, why: str) -> None:
    server.launch()
    assert why in (server.wait() or "")
    assert '"level": "error"' not in server.log
