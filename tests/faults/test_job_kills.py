"""A server that is killed while a job runs: at its next start the job goes on where the journal ends."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.story import IS_SHORT, NEURONS
from tests.jobs.client import begin, end_of, until_it_runs, upload
from tests.running_server import ProcessServer

KILLS = 1 if IS_SHORT else 2
WORDS = random.Random(0).choices(
    ["the", "net", "dreams", "of", "all", "that", "it", "was", "told"], k=900 if IS_SHORT else 1500
)
TEXT = " ".join(WORDS)


def kill_in_the_middle(server: ProcessServer, id: str, chance: random.Random) -> None:
    for _ in range(KILLS):
        progress = until_it_runs(server, id)["progress"]
        time.sleep(chance.uniform(0.0, 0.3))
        server.kill()
        job = server.start().client.get(f"/v1/jobs/{id}").json()
        assert job["status"] in ("queued", "running")
        assert progress < 1


@pytest.mark.long
@pytest.mark.parametrize("validation", [0.0, 0.2])
def test_a_dream_ends_as_if_nothing_had_been(
    new_process: Callable[..., ProcessServer], validation: float, tmp_path: Path
) -> None:
    weights = []
    for number in range(2):
        store = f"file://{tmp_path}/store{number}"
        server = new_process(neurons=NEURONS, store=store, snapshot_every=0.5).start()
        dataset = upload(server, "words.txt", TEXT)
        id = begin(server, "dream", dataset=dataset, epochs=3, share=1.0, validation=validation)
        if number:
            kill_in_the_middle(server, id, random.Random(number))
        job = end_of(server, id)
        assert (job["status"], len(job["metrics"]["epochs"])) == ("succeeded", 3)
        weights.append(server.weights())
        if number:
            server.kill()
            assert server.start().weights() == weights[-1]
            assert server.client.get(f"/v1/jobs/{id}").json()["status"] == "succeeded"
        server.close()
    assert weights[0] == weights[1]


@pytest.mark.long
def test_sleep_goes_on_to_its_end(new_process: Callable[..., ProcessServer]) -> None:
    server = new_process(neurons=NEURONS).start()
    server.run(text=TEXT)
    id = begin(server, "sleep", ticks=20_000)
    kill_in_the_middle(server, id, random.Random(0))
    job = end_of(server, id)
    assert job["status"] == "succeeded"
    assert 20_000 <= job["result"]["ticks"] < 20_100
    weights = server.weights()
    server.kill()
    assert server.start().weights() == weights
    assert "Traceback" not in server.log
