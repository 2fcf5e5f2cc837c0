"""A disk that fills up while the net learns: refused cleanly, and learning goes on by itself once there is room."""

import resource
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest

from realnet import TokenLearner
from tests.faults.story import NEURONS, ROUNDS
from tests.server import RunningServer, new_server

__all__ = ["new_server"]

FULL = 64 * 1024  # bytes that a file may have
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")


def limit(server: RunningServer, bytes: int) -> None:
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (bytes, resource.RLIM_INFINITY))


@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_a_full_disk(new_server: Callable[..., RunningServer], policy: str) -> None:
    if ROUNDS <= 5 and policy == "always":
        pytest.skip("only in the long form")
    server = new_server(neurons=NEURONS, journal=policy, log_level="warning").start()
    alone = TokenLearner.create(num_neurons=NEURONS)
    post = server.client.post
    limit(server, FULL)
    refused = 0
    for number in range(30):
        tokens = [97 + (number * i) % 26 for i in range(4000)]
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
    assert server.start().weights() == alone.checkpoint().weights_sha256()
    assert "Traceback" not in server.log
