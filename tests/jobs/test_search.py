"""Sleep of a server whose net has dendrites: a search for contexts that would have predicted its past better."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.jobs.client import begin, end_of
from tests.realnet.dendrites.test_search import PAST
from tests.running_server import ProcessServer, RunningServer, ThreadServer

LOG = bytes(PAST.astype("uint8")).decode()


def first_job(server: RunningServer) -> str:
    deadline = time.monotonic() + 60
    while not (jobs := server.client.get("/v1/jobs").json()["data"]):
        assert time.monotonic() < deadline
    return str(jobs[0]["id"])


@pytest.fixture
def server(new_server: Callable[..., ThreadServer]) -> ThreadServer:
    return new_server(preset="dendrites", variant="fast", snapshot_every=0).start()


def sleeps(server: RunningServer) -> dict[str, Any]:
    job = end_of(server, begin(server, "sleep"))
    assert job["status"] == "succeeded", job
    return dict(job["result"])


def test_it_sleeps_by_itself_and_wakes_with_what_predicts_better(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(preset="dendrites", variant="fast", snapshot_every=0, sleep_after=1.0).start()
    server.run(text=LOG)
    before = server.net(hash="true")
    result = end_of(server, first_job(server))["result"]
    bits = {each["candidate"]: each["kept_out_bits"] for each in result["candidates"]}
    assert result["changed"]
    assert {"present", "standard"} <= bits.keys()
    assert bits[result["chosen"]] == min(bits.values()) < bits["present"]
    assert result["gain"] == pytest.approx(1 - bits[result["chosen"]] / bits["present"])
    after = server.net(hash="true")
    assert after["weights_sha256"] != before["weights_sha256"]
    assert (after["tick"], after["tokens_seen"]) == (before["tick"], before["tokens_seen"])
    server.run(text="it goes on")
    weights = server.weights()
    server.terminate()
    assert server.start().weights() == weights  # whose variant is still the one that it was born as
    assert len(server.client.get("/v1/jobs").json()["data"]) == 1  # so little more is no reason to sleep again


@pytest.mark.long
def test_it_takes_on_what_it_is_asked_to_with_its_past(server: ThreadServer) -> None:
    server.run(text=LOG)
    had = server.net()["contexts"]
    assert end_of(server, begin(server, "sleep", contexts=["line", "shape, place"]))["result"]["chosen"] == "asked for"
    assert server.net()["contexts"] == [*had, "line", "shape, place"]
    weights = server.weights()
    server.kill()
    assert server.start().weights() == weights


@pytest.mark.parametrize(
    ("contexts", "pointer"),
    [(["order 5", "gossip"], "/contexts/1"), (["word"], "/contexts/0"), (["kinds"] * 2, "/contexts/1")],
)
def test_what_it_cannot_take_on_is_refused(server: ThreadServer, contexts: list[str], pointer: str) -> None:
    answer = server.client.post("/v1/jobs/sleep", json={"contexts": contexts})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


def test_of_too_little_it_says_so_and_stays(server: ThreadServer) -> None:
    server.run(text=LOG[:5000])
    weights = server.weights()
    assert sleeps(server) == {
        "changed": False,
        "chosen": None,
        "why": "it has lived through 5000 tokens, and a search takes 10000",
    }
    assert server.weights() == weights


def test_what_a_restore_has_undone_is_not_lived_again(server: ThreadServer) -> None:
    saved = server.snapshot()
    server.run(text=LOG)
    server.client.post(f"/v1/snapshots/{saved['id']}/restore").raise_for_status()
    assert "lived through 0 tokens" in sleeps(server)["why"]


def test_fields_of_a_replay_and_a_net_that_may_not_learn_are_refused(server: ThreadServer) -> None:
    answer = server.client.post("/v1/jobs/sleep", json={"ticks": 100})
    assert answer.status_code == 409
    assert "leave ticks out" in answer.json()["detail"]
    server.client.patch("/v1/net", json={"plasticity": False}).raise_for_status()
    job = end_of(server, begin(server, "sleep"))
    assert (job["status"], job["error"]["type"]) == ("failed", "/problems/conflict")


@pytest.mark.long
def test_a_killed_server_searches_again_and_wakes_once(new_process: Callable[..., ProcessServer]) -> None:
    server = new_process(preset="dendrites", variant="fast", snapshot_every=0).start()
    server.run(text=LOG)
    weights, id = server.weights(), begin(server, "sleep")
    while server.client.get(f"/v1/jobs/{id}").json()["status"] == "queued":
        pass
    server.kill()
    server.start().run(text="it has learnt something since")
    job = end_of(server, id)
    assert (job["status"], job["result"]["changed"]) == ("succeeded", True)
    woken = server.weights()
    assert woken != weights
    server.kill()  # right after it came home
    assert server.start().weights() == woken
    assert "Traceback" not in server.log
