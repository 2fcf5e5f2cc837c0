"""Daydreams: talks of forks, judged and kept, of which the net learns nothing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from realnet import DendriteLearner
from service.jobs import novelty as module
from service.jobs.novelty import novelty
from tests.jobs.client import end_of, until_it_runs
from tests.running_server import RunningServer, ThreadServer

TEXT = "".join(f"the {color} net dreams of {n} {color} sheep. " for n in range(40) for color in ("red", "blue", "old"))


def daydream(server: RunningServer, **request: Any) -> dict[str, Any]:
    answer = server.client.post("/v1/daydream", json=request)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    job = end_of(server, answer.json()["id"])
    assert job["status"] == "succeeded", job
    return dict(job["result"])


def never_lived(talk: bytes, lived: bytes, n: int) -> float:
    rows = [talk[i : i + n] for i in range(len(talk) - n + 1)]
    return sum(row not in lived for row in rows) / len(rows)


@pytest.mark.parametrize("n", [2, 3, 5, 8, 13])
def test_novelty_is_exact(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 7)  # rows that reach from one chunk into the next
    random = np.random.default_rng(n)
    lived = random.integers(0, 2, 300).astype(np.int32)
    talks = [random.integers(0, 2, length).astype(np.int32) for length in (n, 40, 90)]
    talks.append(lived[-n:])
    expected = [never_lived(bytes(talk.tolist()), bytes(lived.tolist()), n) for talk in talks]
    assert novelty(talks, lived, n) == pytest.approx(expected)
    assert expected[-1] == 0
    assert novelty(talks, lived[: n - 1], n) == [1.0] * 4


def test_the_plausible_and_new_come_first_and_nothing_is_learnt(server: ThreadServer) -> None:
    server.run(text=TEXT)
    before = server.net(hash="true")
    made = daydream(server, count=12, length=60, temperature=1.2, keep=50)
    assert server.net(hash="true")["state_sha256"] == before["state_sha256"]
    talks = made["talks"]
    assert (len(talks), made["made"], made["ngram"], made["compared_with"]) == (6, 12, 8, len(TEXT))
    assert [talk["novelty"] for talk in talks] == sorted((talk["novelty"] for talk in talks), reverse=True)
    assert np.mean([talk["plausibility"] for talk in talks]) < made["plausibility"]
    for talk in talks:
        assert talk["prompt"] in TEXT
        said, lived = talk["text"].encode(), TEXT.encode()
        if "\ufffd" not in talk["text"]:
            assert talk["novelty"] == pytest.approx(never_lived(said, lived, 8), abs=1e-4)
    assert daydream(server, count=12, length=60, temperature=1.2, keep=50) == made  # of the same seed and net
    assert daydream(server, count=12, length=60, temperature=1.2, keep=1, seed=1)["talks"] != talks[:1]


def test_the_fork_judges_its_own_talk(server: ThreadServer) -> None:
    """What is in mind here is what the net has lived since its birth, so a library's fork comes to the same bits."""
    [talk] = daydream(server, count=1, length=20, prompts=["the red "], temperature=0)["talks"]
    assert talk["prompt"] == "the red "
    learner = DendriteLearner.create()
    learner.run(list(TEXT.encode()))
    fork = learner.fork()
    fork.run(list(b"the red "), 0.0)
    said = fork.run(list(talk["text"].encode()), 0.0, outputs="surprise")
    assert said.surprise is not None
    assert talk["plausibility"] == pytest.approx(float(said.surprise.mean()), abs=1e-3)


def test_it_is_cancelled_and_leaves_its_place(server: ThreadServer) -> None:
    id = server.client.post("/v1/daydream", json={"count": 200, "length": 1000}).json()["id"]
    until_it_runs(server, id)
    assert server.client.post(f"/v1/jobs/{id}/cancel").json()["status"] == "cancelled"
    assert server.client.post("/v1/generate", json={"max_tokens": 1}).status_code == 200


@pytest.mark.parametrize(
    ("request_", "pointer"),
    [
        ({"length": 20, "ngram": 21}, ""),
        ({"temperature": -1}, "/temperature"),
        ({"count": 0}, "/count"),
        ({"prompts": ["a", "b" * 1001]}, "/prompts/1"),
        ({"noise": 1}, "/noise"),
    ],
)
def test_what_is_wrong_is_refused_by_its_place(server: ThreadServer, request_: dict[str, Any], pointer: str) -> None:
    answer = server.client.post("/v1/daydream", json=request_)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_frames_and_compact_nets_do_not_daydream(
    frames_server: ThreadServer, new_server: Callable[..., ThreadServer]
) -> None:
    assert "raw frames" in frames_server.client.post("/v1/daydream", json={}).json()["detail"]
    compact = new_server(variant="compact", memory=65536).start()
    answer = compact.client.post("/v1/daydream", json={})
    assert (answer.status_code, answer.json()["detail"]) == (409, "a compact net does not daydream")


def test_a_net_of_symbols(new_server: Callable[..., ThreadServer]) -> None:
    symbols = new_server(vocabulary="symbols:300").start()
    symbols.run(tokens=[299, 5, 7] * 50)
    answer = symbols.client.post("/v1/daydream", json={"prompts": ["", "text"]})
    assert answer.json()["errors"][0]["pointer"] == "/prompts/1"
    [talk] = daydream(symbols, count=1, length=10, temperature=0, ngram=3)["talks"]
    assert (set(talk["text"].split()), talk["novelty"]) == ({"299", "5", "7"}, 0)


def test_a_net_with_a_matrix_daydreams_before_it_has_lived(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(preset="surprise", neurons=1000).start()
    made = daydream(server, count=2, length=8)
    assert (made["novelty"], made["compared_with"], made["talks"][0]["prompt"]) == (None, 0, "")
    assert 0 < made["plausibility"] < 20
