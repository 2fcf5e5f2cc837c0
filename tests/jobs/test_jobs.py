"""Jobs over REST: dreams and sleep, as a client sees them."""

import json
import random
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from realnet.client import open_stream
from tests.jobs.client import begin, end_of, events, until_it_runs, upload
from tests.running_server import RunningServer

TEXT = "what was learnt by day is learnt again by night, and better. " * 40
SLOW = {"epochs": 10_000, "share": 1.0}


def dream(server: RunningServer, name: str, content: str, **request: Any) -> dict[str, Any]:
    job = end_of(server, begin(server, "dream", dataset=upload(server, name, content), **request))
    assert job["status"] == "succeeded", job
    return job


def recalled(server: RunningServer, prompt: list[int], tokens: int) -> list[int]:
    request = {"tokens": prompt, "max_tokens": tokens, "temperature": 0, "fresh": True}
    return list(server.client.post("/v1/generate", json=request).json()["tokens"])


def test_a_cycle_and_pairs_are_recalled(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(free_run=True, tick_hz=1000).start()
    chance = random.Random(0)
    cycle = chance.sample(range(97, 123), 8)
    pairs = {first: chance.randrange(256) for first in chance.sample(range(256), 200)}
    lines = "\n".join(json.dumps({"input": [first], "target": [second]}) for first, second in pairs.items())
    dreamt = dream(server, "pairs.jsonl", lines, epochs=3)
    assert [epoch["epoch"] for epoch in dreamt["metrics"]["epochs"]] == [1, 2, 3]
    assert dreamt["metrics"]["epochs"][0]["surprise"] > 7.5 > dreamt["result"]["surprise"]
    dream(server, "cycle.txt", bytes(cycle * 20).decode())
    tick = server.net()["tick"]
    while server.net()["tick"] < tick + 1000:  # that it really computes, without input
        time.sleep(0.02)
    assert recalled(server, cycle, 16) == cycle * 2
    assert sum(recalled(server, [first], 1) == [second] for first, second in pairs.items()) >= 0.95 * len(pairs)


@pytest.mark.parametrize("opposite", [False, True], ids=["copy", "not"])
@pytest.mark.parametrize("given", ["pulse", "held"])
def test_copy_and_its_opposite(new_server: Callable[..., RunningServer], opposite: bool, given: str) -> None:
    server = new_server(inputs=2, outputs=1).start()

    def answers() -> list[bool]:
        """With its state as the bits before have left it, learning nothing."""
        frames = [[bit, 1 - bit] for bit in (0, 1, 1, 0, 1, 0, 0, 1)]
        silence = [[0, 0]] * len(frames)
        told = [frame for pair in zip(frames, silence, strict=True) for frame in pair]
        return [output["values"][0] > 0.5 for output in server.run(frames=told, learn=False)[1::2]]

    asked = [bool(bit) ^ opposite for bit in (0, 1, 1, 0, 1, 0, 0, 1)]
    assert answers() != asked
    rows = "\n".join(f"{bit},{1 - bit},{int(bit ^ opposite)}" for bit in [0, 1] * 100)
    id = upload(server, "bits.csv", "one,zero,wanted\n" + rows, inputs="one,zero", targets="wanted")
    job = end_of(server, begin(server, "dream", dataset=id, epochs=4, input=given, validation=0.1))
    assert job["status"] == "succeeded"
    assert job["result"]["validation_accuracy"] == 1.0
    assert job["metrics"]["before"]["validation_accuracy"] < 1.0
    assert answers() == asked


def test_what_clients_have_in_mind_is_not_mixed_with_a_dream(server: RunningServer) -> None:
    seen = server.run(text="a client has this in mind")[-1]["tick"]
    before = server.net()
    dream(server, "other.txt", "and somebody else dreams of that")
    after = server.net()
    assert (after["tokens_seen"], after["accuracy"]) == (before["tokens_seen"], before["accuracy"])
    assert after["tick"] >= seen + 32
    assert server.client.get("/v1/outputs", params={"after": seen}).json()["outputs"] == []


def test_jobs_wait_for_each_other_and_are_cancelled(server: RunningServer) -> None:
    dataset = upload(server, "long.txt", TEXT * 20)
    first = begin(server, "dream", dataset=dataset, **SLOW)
    other = upload(server, "other.txt", TEXT * 2)
    second = begin(server, "dream", dataset=other)
    until_it_runs(server, first)
    assert server.net()["mode"] == "dreaming"
    assert server.client.get(f"/v1/jobs/{second}").json()["status"] == "queued"
    assert [server.client.delete(f"/v1/datasets/{each}").status_code for each in (dataset, other)] == [409, 409]
    cancelled = server.client.post(f"/v1/jobs/{second}/cancel").json()
    assert (cancelled["status"], cancelled["started_at"]) == ("cancelled", None)
    assert server.client.delete(f"/v1/datasets/{other}").status_code == 204
    asked_at = time.monotonic()
    cancelled = server.client.post(f"/v1/jobs/{first}/cancel").json()
    assert time.monotonic() - asked_at < 1.0
    assert cancelled["status"] == "cancelled"
    assert cancelled["finished_at"] is not None
    assert server.client.post(f"/v1/jobs/{first}/cancel").json() == cancelled
    weights = server.weights()
    assert server.net()["mode"] != "dreaming"
    assert server.weights() == weights
    assert server.client.delete(f"/v1/datasets/{dataset}").status_code == 204
    listed = server.client.get("/v1/jobs").json()["data"]
    assert [job["id"] for job in listed if job["id"] in (first, second)] == [first, second]


def test_events_go_on_where_they_were_read_to(server: RunningServer) -> None:
    id = begin(server, "dream", dataset=upload(server, "short.txt", TEXT))
    told = list(events(server, id))
    assert [job["revision"] for job in told] == sorted({job["revision"] for job in told})
    assert (told[0]["status"] in ("queued", "running"), told[-1]["status"]) == (True, "succeeded")
    assert list(events(server, id, after=told[0]["revision"]))[-1] == told[-1]
    ended = server.client.get(f"/v1/jobs/{id}/events", headers={"Last-Event-ID": str(told[-1]["revision"])})
    assert ended.status_code == 204


@pytest.mark.anyio
async def test_a_stream_goes_on_beside_a_dream_and_hears_of_it(server: RunningServer) -> None:
    id = begin(server, "dream", dataset=upload(server, "long.txt", TEXT * 20), epochs=10_000, share=0.5)
    until_it_runs(server, id)
    seen = server.net()["tokens_seen"]
    async with open_stream(server.url) as client:
        for start in range(0, 20_000, 500):
            await client.send_input(tokens=[97 + (start + i) % 26 for i in range(500)])
        heard = []
        async for message in client:
            if message["type"] == "event":
                heard.append(message)
            if message["type"] == "ack" and not client.unacked:
                break
        assert server.net()["tokens_seen"] == seen + 20_000
        assert server.client.post(f"/v1/jobs/{id}/cancel").json()["status"] == "cancelled"
        async for message in client:
            if message["type"] == "event" and message["name"] == "job":
                assert (message["job"]["id"], message["job"]["status"]) == (id, "cancelled")
                break


@pytest.mark.long
def test_sleep_makes_it_know_better_what_it_lived_through(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(preset="surprise").start()
    slept = end_of(server, begin(server, "sleep", ticks=1000))["result"]
    assert slept == {"ticks": 0, "wakings": 0, "why": "there is nothing that it lived through"}
    text = " ".join(f"{number} squared is {number * number}," for number in range(300))
    server.run(text=text)

    def surprise() -> float:
        outputs = server.run(text=text, learn=False)
        return float(sum(output["surprise"] for output in outputs) / len(outputs))

    before = surprise()
    job = end_of(server, begin(server, "sleep"))
    assert job["status"] == "succeeded"
    assert job["result"]["ticks"] >= 4 * len(text)
    assert surprise() < before - 0.3
    assert end_of(server, begin(server, "sleep"))["result"] == {
        "ticks": 0,
        "wakings": 0,
        "why": "nothing was learnt since it slept last",
    }


def test_a_net_that_never_rests_sleeps_too(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(inputs=3, outputs=2, free_run=True, tick_hz=50).start()
    server.run(frames=[[0, 1, 0.5]] * 8, teachers=[[1, 0]] * 8)
    assert end_of(server, begin(server, "sleep", ticks=100))["result"]["ticks"] >= 100


@pytest.mark.long
def test_it_sleeps_when_it_has_rested_and_wakes_at_once(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(preset="surprise", sleep_after=0.3).start()
    server.run(text=TEXT * 4)
    deadline = time.monotonic() + 20
    while server.net()["mode"] != "dreaming":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    [job] = server.client.get("/v1/jobs").json()["data"]
    server.run(text="!")
    while server.net()["mode"] == "dreaming":
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert server.client.get(f"/v1/jobs/{job['id']}").json()["status"] == "running"
    ended = end_of(server, job["id"])
    assert (ended["kind"], ended["status"], ended["result"]["wakings"]) == ("sleep", "succeeded", 1)


def refused(response: httpx.Response, status: int, *pointers: str) -> None:
    assert response.status_code == status, response.text
    assert [place["pointer"] for place in response.json().get("errors", [])] == list(pointers)


def test_what_is_wrong_is_refused(server: RunningServer) -> None:
    post, get = server.client.post, server.client.get
    refused(post("/v1/jobs/dream", json={"dataset": "nothing"}), 422, "/dataset")
    refused(post("/v1/jobs/dream", json={"dataset": "nothing", "epochs": 0}), 422, "/epochs")
    refused(post("/v1/jobs/sleep", json={"rate": 2}), 422, "/rate")
    refused(get("/v1/jobs/00009999"), 404)
    refused(get("/v1/jobs/00009999/events"), 404)
    refused(post("/v1/jobs/00009999/cancel"), 404)


def test_without_plasticity_a_job_fails_and_says_why(server: RunningServer) -> None:
    dataset = upload(server, "short.txt", TEXT)
    server.client.patch("/v1/net", json={"plasticity": False}).raise_for_status()
    job = end_of(server, begin(server, "dream", dataset=dataset))
    server.client.patch("/v1/net", json={"plasticity": True}).raise_for_status()
    assert (job["status"], job["error"]["type"]) == ("failed", "/problems/conflict")
    assert "plasticity" in job["error"]["detail"]
