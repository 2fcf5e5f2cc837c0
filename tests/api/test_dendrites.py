"""A server whose net has dendrites: what is asked of any net, and what such a net refuses."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from realnet import Checkpoint, DendriteLearner
from service.jobs.process import FORK, MADE
from tests.jobs.client import begin, end_of, upload
from tests.running_server import ThreadServer

TEXT = "seven times six is forty-two, and six times seven is forty-two. " * 20


@pytest.fixture
def server(new_server: Callable[..., ThreadServer]) -> ThreadServer:
    return new_server(preset="dendrites", variant="fast", snapshot_every=0).start()


def alone() -> DendriteLearner:
    learner = DendriteLearner.create("fast")
    learner.run(learner.vocabulary.encode(TEXT))
    return learner


def test_it_learns_what_the_library_learns_and_is_found_again(server: ThreadServer) -> None:
    server.run(text=TEXT)
    weights = alone().checkpoint().weights_sha256()
    assert server.weights() == weights
    server.terminate()
    assert server.start().weights() == weights
    assert server.net()["preset"] == "dendrites"


def test_it_goes_on_with_what_it_was_told(server: ThreadServer) -> None:
    server.run(text=TEXT)
    asked = {"prompt": "six times seven is ", "max_tokens": 9, "temperature": 0, "fresh": True}
    assert server.client.post("/v1/generate", json=asked).json()["text"] == "forty-two"
    outputs = server.client.post("/v1/inputs?wait=true", json={"text": "seven times six is forty-two"}).json()[
        "outputs"
    ]
    assert [each["predicted"] == each["token"] for each in outputs[15:]] == [True] * len(outputs[15:])


def test_more_than_one_epoch_of_a_dream_is_warned_of(server: ThreadServer) -> None:
    dataset = upload(server, "a.txt", TEXT)
    once, twice = (end_of(server, begin(server, "dream", dataset=dataset, epochs=count)) for count in (1, 2))
    assert "warning" not in once["metrics"] | once["result"]
    assert twice["metrics"]["warning"] == twice["result"]["warning"]
    assert "epoch after the first" in twice["result"]["warning"]


def test_a_generation_adapts_to_its_prompt(server: ThreadServer) -> None:
    server.run(text=TEXT)
    weights, prompt = server.weights(), "the word of the day is quixotry; " * 3 + "the word of the day is "
    asked = {"prompt": prompt, "max_tokens": 8, "temperature": 0, "fresh": True, "read": "adapt"}
    assert server.client.post("/v1/generate", json=asked).json()["text"] == "quixotry"
    assert server.weights() == weights
    assert server.client.post("/v1/generate", json=asked | {"read": "fast"}).status_code == 422


def test_it_dreams_a_data_set_and_goes_back_to_a_snapshot(server: ThreadServer) -> None:
    saved, weights = server.snapshot(), server.weights()
    ended = end_of(server, begin(server, "dream", dataset=upload(server, "a.txt", TEXT)))
    assert ended["status"] == "succeeded"
    assert server.weights() != weights
    server.client.post(f"/v1/snapshots/{saved['id']}/restore").raise_for_status()
    assert server.weights() == weights


def test_a_fit_that_predicts_better_comes_home(server: ThreadServer) -> None:
    server.run(text=TEXT)
    weights, dataset = server.weights(), upload(server, "a.txt", TEXT)
    forced = server.client.post("/v1/jobs/fit", json={"dataset": dataset, "force": True})
    assert (forced.status_code, "leave force out" in forced.json()["detail"]) == (409, True)
    asked = {"dataset": dataset, "learning_rate": 0.01, "validation": 0.5}
    result = end_of(server, begin(server, "fit", **asked))["result"]
    assert result["committed"]
    assert result["after"]["bits"] < result["before"]["bits"]
    assert (fitted := server.weights()) != weights
    server.terminate()
    assert server.start().weights() == fitted


def test_a_fit_that_predicts_worse_does_not(server: ThreadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process, which takes seconds to load PyTorch, is only acted."""

    async def worse(_: str, directory: Path, __: object) -> dict[str, Any]:
        net = DendriteLearner.from_checkpoint(Checkpoint.from_bytes((directory / FORK).read_bytes())).net
        safetensors.numpy.save_file({"weights": net.weights() + np.float32(0.125)}, directory / MADE)
        return {"epochs": 1, "before": {"loss": 1.0}, "after": {"loss": 1.0 + 0.25 * math.log(2)}}

    monkeypatch.setattr("service.jobs.fit.run_process", worse)
    server.run(text=TEXT)
    weights, dataset = server.weights(), upload(server, "a.txt", TEXT)
    result = end_of(server, begin(server, "fit", dataset=dataset))["result"]
    assert (result["committed"], server.weights()) == (False, weights)
    assert result["why"] == "it fell short by 0.2500 bits a token on what was held out"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"neurons": 500}, "neurons as it needs them"),
        ({"inputs": 2, "outputs": 2}, "takes tokens"),
        ({"max_lines": 5000}, "power of two"),
        ({"variant": "compact"}, "how many bytes of memory"),
        ({"memory": 2**16}, "how many bytes of memory"),
        ({"variant": "compact", "memory": 2**16, "sleep_after": 5.0}, "does not sleep"),
        ({"variant": "compact", "memory": 2**16, "vocabulary": "symbols:300"}, "2 to 256 symbols"),
    ],
)
def test_a_net_that_cannot_be_is_told_in_a_line(
    new_server: Callable[..., ThreadServer], settings: dict[str, object], told: str
) -> None:
    server = new_server(preset="dendrites", **settings)
    server.launch()
    assert told in str(server.wait())


def test_another_variant_than_the_stored_one_is_told(
    server: ThreadServer, new_server: Callable[..., ThreadServer]
) -> None:
    server.terminate()
    other = new_server(preset="dendrites", variant="standard")
    other.launch()
    assert "has variant fast, not standard" in str(other.wait())


def test_a_compact_net_lives_in_its_memory_and_is_found_again(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(variant="compact", memory=2**16, snapshot_every=0, journal="always").start()
    server.run(text=TEXT)
    learner = DendriteLearner.create("compact", memory=2**16)
    learner.run(learner.vocabulary.encode(TEXT))
    asked = {"prompt": "six times seven is ", "max_tokens": 9, "temperature": 0, "fresh": True}
    assert server.client.post("/v1/generate", json=asked).json()["text"] == "forty-two"
    assert server.client.get("/v1/net/explain").status_code == 409
    assert server.client.post("/v1/jobs/sleep", json={}).status_code == 409
    server.kill()
    again = new_server(memory=2**16).start()
    assert again.weights() == learner.checkpoint().weights_sha256()
    saved = again.snapshot()
    assert saved["bytes"] < 2**16 + 8192
    again.run(text="and more")
    again.client.post(f"/v1/snapshots/{saved['id']}/restore").raise_for_status()
    assert again.weights() == learner.checkpoint().weights_sha256()
    again.terminate()
    other = new_server(memory=2**17)
    other.launch()
    assert "has memory 65536, not 131072" in str(other.wait())


def test_it_tells_why(server: ThreadServer) -> None:
    server.run(text=TEXT)
    weights = server.weights()
    told = server.client.get("/v1/net/explain", params={"context": "six times seven is forty-t"}).json()
    assert (chr(told["token"]), told["probability"] > 0.9) == ("w", True)
    assert {"context", "asked", "probability", "gain", "bits"} == told["dendrites"][0].keys()
    assert told["recalls"] == [{"least": 6, "expects": ord("w"), "bits": pytest.approx(told["recalls"][0]["bits"])}]
    assert server.weights() == weights
    assert server.client.get("/v1/net/explain", params={"context": "a" * 1001}).status_code == 422


@pytest.mark.parametrize("settings", [{"neurons": 500}, {"inputs": 2, "outputs": 2}])
def test_a_net_without_dendrites_cannot_tell_why_nor_adapt(
    new_server: Callable[..., ThreadServer], settings: dict[str, int]
) -> None:
    server = new_server(**settings).start()
    assert server.client.get("/v1/net/explain").status_code == 409
    assert server.client.post("/v1/generate", json={"read": "adapt"}).status_code == 409
