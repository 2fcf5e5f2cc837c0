"""A server that still lives through its journal: it says so, takes nothing, and may be killed or stopped at that."""

import time
from collections.abc import Callable

import httpx
import pytest

from service.client import ClientError, open_stream
from tests.faults.story import NEURONS
from tests.server import RunningServer, new_server

__all__ = ["new_server"]

pytestmark = pytest.mark.anyio

TEXT = "what is lived through once is lived through again. " * 400


def launch_until_it_replays(server: RunningServer) -> None:
    server.launch()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            answer = server.client.get("/readyz")
        except httpx.TransportError:
            time.sleep(0.01)
            continue
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-ready")
        return
    pytest.fail("it did not start")


async def test_nothing_is_taken_before_the_journal_is_read(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(neurons=NEURONS).start()
    for _ in range(3):
        server.run(text=TEXT)
    weights = server.weights()
    server.kill()
    launch_until_it_replays(server)
    refused = server.client.post("/v1/inputs", json={"text": "too early"})
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/not-ready")
    assert refused.headers["retry-after"] == "1"
    with pytest.raises(ClientError, match="journal is being read"):
        await open_stream(server.url).__aenter__()
    assert server.client.get("/healthz").status_code == 200
    assert 0 <= server.net()["tick"] < 3 * len(TEXT)
    server.kill()
    launch_until_it_replays(server)
    started = time.monotonic()
    server.terminate()
    assert time.monotonic() - started < 10
    assert "Traceback" not in server.log
    assert server.start().weights() == weights
    assert "the journal is read" in server.log
