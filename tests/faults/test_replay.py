"""A server that still lives through its journal: it says so, takes nothing, and may be stopped at that."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from realnet.client import RealNetError, open_stream
from service.journal.codec import encode_record
from service.journal.records import InputRecord
from service.store import open_log
from tests.faults.story import NEURONS
from tests.running_server import ProcessServer
from tests.runtime.life import INPUTS, living

pytestmark = pytest.mark.anyio

TEXT = "what is lived through once is lived through again. " * 200


def launch_until_it_replays(server: ProcessServer) -> None:
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


@pytest.mark.long
async def test_nothing_is_taken_before_the_journal_is_read(new_process: Callable[..., ProcessServer]) -> None:
    server = new_process(neurons=NEURONS).start()
    for _ in range(3):
        assert server.client.post("/v1/inputs", json={"text": TEXT}).status_code == 202
    server.run(text="the end")
    weights = server.weights()
    server.kill()
    launch_until_it_replays(server)
    refused = server.client.post("/v1/inputs", json={"text": "too early"})
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/not-ready")
    assert refused.headers["retry-after"] == "1"
    with pytest.raises(RealNetError, match="journal is being read"):
        await open_stream(server.url).__aenter__()
    assert server.client.get("/healthz").status_code == 200
    assert 0 <= server.net()["tick"] < 3 * len(TEXT)
    started = time.monotonic()
    server.terminate()
    assert time.monotonic() - started < 10
    assert "Traceback" not in server.log
    assert server.start().weights() == weights
    assert "the journal is read" in server.log


async def test_a_journal_that_cannot_be_lived_through_ends_the_server(
    new_process: Callable[..., ProcessServer], tmp_path: Path
) -> None:
    """Every record is whole, but they do not follow each other in time."""
    url = f"file://{tmp_path}/data"
    async with living(url) as life:
        await life.run(1)
        last = life.journal.last
    log = open_log(url, "default/journal")
    log.append(last + 1, encode_record(last + 1, InputRecord(1, 0.5, 1, frames=bytes(4 * INPUTS))), durable=True)
    log.close()
    server = new_process()
    server.launch()
    assert server.wait() == 1
    assert f"realnet: journal record {last + 1} enters after tick 1, and the net is at 3\n" in server.log
    assert "Traceback" not in server.log
