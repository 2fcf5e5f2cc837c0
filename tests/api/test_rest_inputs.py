"""Inputs, outputs and generations over REST, against a real server and the library run alone."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from realnet import DendriteLearner
from tests.api.asking import TEXT, until
from tests.running_server import RunningServer


def events(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


def test_inputs_are_learnt_and_answered_as_the_library_would(new_server: Callable[..., RunningServer]) -> None:
    server = new_server().start()
    alone = DendriteLearner.create()
    expected = alone.run(alone.vocabulary.encode(TEXT))
    outputs = server.run(text=TEXT)
    assert [each["tick"] for each in outputs] == expected.tick.tolist()
    assert [each["predicted"] for each in outputs] == expected.predicted.tolist()
    assert [each["surprise"] for each in outputs] == expected.surprise.tolist()
    assert [[n["token"] for n in each["next"]] for each in outputs] == expected.next_token.tolist()
    net = server.net(hash="true")
    assert net["weights_sha256"] == alone.checkpoint().weights_sha256()
    assert net["state_sha256"] == alone.checkpoint().state_sha256()
    assert (net["tokens_seen"], net["accuracy"], net["surprise"]) == (
        len(TEXT),
        alone.score.accuracy,
        alone.score.surprise,
    )


def test_text_is_its_tokens(server: RunningServer) -> None:
    by_text = server.run(text="hé")
    by_tokens = server.run(tokens=list("hé".encode()))
    assert [each["token"] for each in by_text] == [each["token"] for each in by_tokens] == [104, 0xC3, 0xA9]


def test_inputs_without_wait_are_accepted(server: RunningServer) -> None:
    seen = server.net()["tokens_seen"]
    response = server.client.post("/v1/inputs", json={"text": TEXT})
    assert response.status_code == 202
    assert response.json().keys() == {"accepted", "queued"}
    assert response.json()["accepted"] == len(TEXT)
    until(lambda: server.net()["tokens_seen"] == seen + len(TEXT))


def test_what_is_not_to_be_learnt_is_only_answered(server: RunningServer) -> None:
    before = server.weights()
    assert len(server.run(text="abc", learn=False)) == 3
    assert server.weights() == before
    server.run(text="abc")
    assert server.weights() != before


def test_outputs_are_read_on_with_the_cursor(server: RunningServer) -> None:
    ran = server.run(text=TEXT)
    before = ran[0]["tick"] - 1
    read: list[dict[str, Any]] = []
    cursor = before
    while len(read) < len(ran):
        answer = server.client.get("/v1/outputs", params={"after": cursor, "limit": 300}).json()
        assert len(answer["outputs"]) <= 300
        read += answer["outputs"]
        cursor = answer["cursor"]
    assert read == ran
    assert cursor == ran[-1]["tick"]
    end = server.client.get("/v1/outputs", params={"after": cursor}).json()
    assert end == {"outputs": [], "cursor": cursor, "oldest": 1}
    assert server.client.get("/v1/outputs", params={"after": 10**9}).json()["cursor"] == cursor


def test_a_ring_that_is_small_tells_the_oldest(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(outputs_kept=10, neurons=1000).start()
    assert server.client.get("/v1/outputs").json() == {"outputs": [], "cursor": 0, "oldest": None}
    server.run(text="a" * 25)
    answer = server.client.get("/v1/outputs").json()
    assert [each["tick"] for each in answer["outputs"]] == list(range(16, 26))
    assert answer["oldest"] == 16


def test_generation_answers_at_once_or_as_it_comes(server: RunningServer) -> None:
    server.run(text=TEXT)
    before = server.net(hash="true")
    body = {"prompt": "the net ", "max_tokens": 40, "temperature": 0.0, "seed": 3}
    whole = server.client.post("/v1/generate", json=body).json()
    assert whole == {
        "text": bytes(whole["tokens"]).decode(errors="replace"),
        "tokens": whole["tokens"],
        "tick": before["tick"],
        "finish_reason": "length",
    }
    assert len(whole["tokens"]) == 40
    assert whole["text"].startswith("lives, and learns")
    with server.client.stream("POST", "/v1/generate", json=body | {"stream": True}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        *tokens, (last, done) = events(response)
    assert (last, done) == ("done", whole)
    assert {name for name, _ in tokens} == {"token"}
    assert len(tokens) > 3
    assert "".join(data["text"] for _, data in tokens) == whole["text"]
    assert [token for _, data in tokens for token in data["tokens"]] == whole["tokens"]
    after = server.net(hash="true")
    assert after["state_sha256"] == before["state_sha256"]


def test_generation_without_a_prompt_goes_on_from_the_state(server: RunningServer) -> None:
    assert len(server.client.post("/v1/generate", json={"max_tokens": 3}).json()["tokens"]) == 3


def test_generations_end_when_their_clients_leave(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(max_generations=2, max_tokens=100_000_000).start()
    endless = {"max_tokens": 100_000_000, "stream": True}

    def running() -> str:
        text = server.client.get("/metrics").text
        return next(line.split()[1] for line in text.splitlines() if line.startswith("realnet_generations{"))

    with server.client.stream("POST", "/v1/generate", json=endless) as first:
        coming = events(first)  # kept: the response is closed with it
        next(coming)
        with pytest.raises(httpx.ReadTimeout):  # this client leaves without an answer
            httpx.post(f"{server.url}/v1/generate", json=endless | {"stream": False}, timeout=0.5)
        until(lambda: running() == "1.0")
        with server.client.stream("POST", "/v1/generate", json=endless) as second:
            also_coming = events(second)
            next(also_coming)
            refused = server.client.post("/v1/generate", json=endless)
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "1"
            assert refused.json()["type"] == "/problems/overloaded"
    until(lambda: running() == "0.0")


def test_a_paused_net_takes_inputs_until_it_is_full(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(inbox_ticks=10, max_ticks_per_request=10, neurons=1000).start()
    assert server.client.patch("/v1/net", json={"paused": True}).json()["mode"] == "paused"
    assert server.client.post("/v1/inputs", json={"text": "12345678"}).json() == {"accepted": 8, "queued": 8}
    refused = server.client.post("/v1/inputs", json={"text": "123"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    net = server.net()
    assert (net["mode"], net["tick"], net["queue_depth"]) == ("paused", 0, 8)
    server.client.patch("/v1/net", json={"paused": False})
    until(lambda: server.net()["tick"] == 8)


def test_a_paused_net_takes_inputs_and_says_that_nobody_should_wait_for_them(server: RunningServer) -> None:
    server.client.patch("/v1/net", json={"paused": True})
    try:
        waiting = server.client.post("/v1/inputs", params={"wait": "true"}, json={"text": "x"})
        assert (waiting.status_code, waiting.json()["detail"]) == (
            409,
            "the net is paused: send without wait, or resume it by PATCH /v1/net",
        )
        assert server.client.post("/v1/inputs", json={"text": "x"}).json() == {"accepted": 1, "queued": 1}
    finally:
        assert server.client.patch("/v1/net", json={"paused": False}).json()["mode"] != "paused"
    until(lambda: server.net()["queue_depth"] == 0)


def test_a_net_of_frames(frames_server: RunningServer) -> None:
    net = frames_server.net()
    assert (net["vocabulary"], net["inputs"], net["outputs"], net["accuracy"]) == (None, 3, 2, None)
    outputs = frames_server.run(frames=[[0, 0.5, 1], [1, 1, 1]], teachers=[[1, 0], None])
    assert [each["tick"] for each in outputs] == [1, 2]
    assert {len(each["values"]) for each in outputs} == {2}
    assert frames_server.client.get("/v1/outputs").json() == {"outputs": outputs, "cursor": 2, "oldest": 1}


@pytest.mark.parametrize(
    ("query", "kind", "pieces"),
    [
        ("outputs=best&wait=true", "application/json", 1),
        ("wait=1&outputs=best", "application/json", 1),
        ("wait=true&outputs=best", "application/json; charset=utf-8", 1),
        ("wait=true&outputs=best", "application/json", 2),
    ],
)
def test_inputs_are_the_same_however_they_are_asked_for(
    server: RunningServer, query: str, kind: str, pieces: int
) -> None:
    body = json.dumps({"text": "how it is asked", "learn": False, "session": f"asked {query} {kind} {pieces}"}).encode()
    size = -(-len(body) // pieces)
    parts = (body[start : start + size] for start in range(0, len(body), size))
    told = server.client.post(f"/v1/inputs?{query}", content=parts, headers={"Content-Type": kind})
    usual = {"text": "how it is asked", "learn": False, "session": f"usual {query} {kind} {pieces}"}
    expected = server.client.post("/v1/inputs", params={"wait": "true", "outputs": "best"}, json=usual)
    assert told.status_code == expected.status_code == 200
    first, second = told.json(), expected.json()
    for each in (*first["outputs"], *second["outputs"]):
        del each["tick"], each["session"]
    assert first == second
    assert dict(told.headers) | {"content-length": "", "date": ""} == dict(expected.headers) | {
        "content-length": "",
        "date": "",
    }


def test_a_key_is_good_for_one_input_however_that_is_asked_for(server: RunningServer) -> None:
    headers = {"Idempotency-Key": "asked in two ways"}
    seen = server.net()["tokens_seen"]
    answers = [
        server.client.post(f"/v1/inputs?wait={wait}&outputs=surprise", json={"text": "once"}, headers=headers).json()
        for wait in ("true", "1", "true")
    ]
    assert answers[0] == answers[1] == answers[2]
    assert server.net()["tokens_seen"] == seen + 4
