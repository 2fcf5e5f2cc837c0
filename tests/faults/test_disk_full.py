"""A disk that fills up while the net learns: refused cleanly, and learning goes on by itself once there is room."""

import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realnet import TokenLearner
from tests.faults.story import IS_SHORT, NEURONS, weights_after_a_start
from tests.running_server import ProcessServer

FULL = 16 * 1024  # bytes that a file may have
pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")]


def limit(server: ProcessServer, bytes: int) -> None:
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (bytes, resource.RLIM_INFINITY))


@pytest.mark.parametrize("policy", ["always", "everysec"])
async def test_a_full_disk(new_process: Callable[..., ProcessServer], tmp_path: Path, policy: str) -> None:
    if IS_SHORT and policy == "always":
        pytest.skip("only in the long form")
    server = new_process(neurons=NEURONS, journal=policy, log_level="warning").start()
    alone = TokenLearner.create(num_neurons=NEURONS)
    post = server.client.post
    limit(server, FULL)
    refused = 0
    for number in range(30):
        tokens = [97 + (number * i) % 26 for i in range(1000)]
        response = post("/v1/inputs", json={"tokens": tokens}, headers={"Idempotency-Key": str(number)})
        if response.status_code == 202:
            alone.run(np.array(tokens, np.int32))
        else:
            assert (response.status_code, response.json()["type"]) == (503, "/problems/not-durable")
            assert response.headers["retry-after"] == "1"
            refused += 1
        if refused == 3:
            break
    assert number > 10
    assert not server.is_ready()
    weights = alone.checkpoint().weights_sha256()
    deadline = time.monotonic() + 20
    while server.net()["tokens_seen"] < alone.tokens_seen:  # what was accepted may still be learnt
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert server.weights() == weights
    assert post("/v1/snapshots").status_code == 503  # it is as large as the disk
    assert len(post("/v1/generate", json={"max_tokens": 5}).json()["tokens"]) == 5
    limit(server, resource.RLIM_INFINITY)
    deadline = time.monotonic() + 5
    while not server.is_ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert server.weights() == weights
    again = post(
        "/v1/inputs", params={"wait": "true"}, json={"tokens": tokens}, headers={"Idempotency-Key": str(number)}
    )
    assert again.status_code == 200
    alone.run(np.array(tokens, np.int32))
    assert server.snapshot()["tick"] == alone.net.tick
    server.run(text="and more")
    alone.run(alone.vocabulary.encode("and more"))
    server.kill()
    assert await weights_after_a_start(f"file://{tmp_path}/data") == alone.checkpoint().weights_sha256()
    assert "Traceback" not in server.log


async def test_a_disk_with_room_for_the_journal_alone(
    new_process: Callable[..., ProcessServer], tmp_path: Path
) -> None:
    """No snapshot is taken; learning goes on, and the one before stays as it is until there is room for the next."""
    server = new_process(neurons=NEURONS, snapshot_every=0.2).start()

    def snapshots() -> list[dict[str, Any]]:
        return list(server.client.get("/v1/snapshots").json()["data"])

    def failed() -> int:
        metrics = server.client.get("/metrics").text
        [count] = re.findall(r'\nrealnet_snapshots_failed_total{net="default"} (\d+)', metrics)
        return int(count)

    def until(is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not is_so():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    server.run(text="before")
    before = server.snapshot()
    assert before["bytes"] > 2 * FULL
    limit(server, FULL)
    server.run(text="meanwhile")
    refused = server.client.post("/v1/snapshots")
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/store-unavailable")
    until(lambda: failed() >= 3)
    server.run(text="and more")
    assert server.is_ready()
    assert snapshots()[-1] == before
    store = tmp_path / "data" / "default"
    assert {path.name for path in (store / "snapshots").iterdir()} == {each["id"] for each in snapshots()}
    limit(server, resource.RLIM_INFINITY)
    until(lambda: snapshots()[-1]["tick"] == server.net()["tick"])
    limit(server, FULL)
    server.run(text="and then it is killed")
    weights = server.weights()
    server.kill()
    assert await weights_after_a_start(f"file://{tmp_path}/data") == weights
    assert "Traceback" not in server.log
