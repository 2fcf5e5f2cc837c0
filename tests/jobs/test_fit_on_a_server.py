"""Fits with their process, on a real server."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from realnet import Checkpoint, FrameLearner
from tests.jobs.client import begin, end_of, until_it_runs, upload
from tests.running_server import RunningServer

TEXT = "the cat sat on the mat, and the dog sat on the log, and nobody sat on the hog; " * 40


def data_of(server: RunningServer, id: str) -> Checkpoint:
    return Checkpoint.from_bytes(server.client.get(f"/v1/snapshots/{id}/data").content)


def test_a_text_is_fitted(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(neurons=1000).start()
    asked_for = {"commit": "replace", "epochs": 6, "pruning_threshold": 0.001}
    job = end_of(server, begin(server, "fit", dataset=upload(server, "text.txt", TEXT), **asked_for))
    result = job["result"]
    assert (job["status"], result["committed"]) == ("succeeded", True)
    assert result["after"]["loss"] < 0.8 * result["before"]["loss"]
    assert result["after"]["accuracy"] > result["before"]["accuracy"]
    assert {"phase", "epoch", "loss", "accuracy", "validation_loss", "validation_accuracy"} == job["metrics"].keys()
    fork, fitted = (data_of(server, result[name]) for name in ("fork", "snapshot"))
    assert fitted.weights_sha256() == server.weights() != fork.weights_sha256()
    assert not fitted.arrays["alive"].all()
    outputs = server.run(text=TEXT[:500])  # it lives on
    assert sum(output["surprise"] for output in outputs) / len(outputs) < 7


@pytest.mark.long
def test_pairs_are_fitted_while_the_net_learns_something_else(frames_server: RunningServer) -> None:
    server = frames_server
    chance = np.random.default_rng(0)
    inputs = chance.random((400, 3)).round(3)
    inputs = inputs[abs(inputs[:, 0] - inputs[:, 1]) > 0.2]
    rows = [",".join([*map(str, row), *("10" if row[0] > row[1] else "01")]) for row in inputs.tolist()]
    columns = {"inputs": "a,b,c", "targets": "d,e"}
    dataset = upload(server, "rows.csv", "a,b,c,d,e\n" + "\n".join(rows), **columns)

    def right() -> float:
        outputs = server.run(frames=inputs.repeat(2, axis=0).tolist(), learn=False)[1::2]
        said = np.array([output["values"] for output in outputs])
        return float(np.mean((said[:, 0] > said[:, 1]) == (inputs[:, 0] > inputs[:, 1])))

    id = begin(server, "fit", dataset=dataset, epochs=60)
    until_it_runs(server, id)
    server.run(frames=[[0, 0, 1]] * 9, teachers=[[1, 0]] * 9)
    job = end_of(server, id)
    assert (job["status"], job["result"]["committed"]) == ("succeeded", True)
    assert right() > 0.8
    fork, fitted = (data_of(server, job["result"][name]) for name in ("fork", "snapshot"))
    base, alone = fork.state().stored_weights(), FrameLearner.from_checkpoint(fork)
    alone.run([[0, 0, 1]] * 9, [[1, 0]] * 9)
    alone.net.adopt(fitted.state().stored_weights(), base)
    assert alone.checkpoint().weights_sha256() == server.weights()


def test_what_is_wrong_is_told(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(neurons=1000).start()
    dataset = upload(server, "short.txt", "so short")

    def refused(**request: Any) -> list[str]:
        response = server.client.post("/v1/jobs/fit", json={"dataset": dataset} | request)
        assert response.status_code == 422
        return [place["pointer"] for place in response.json()["errors"]]

    assert refused(dataset="nothing") == ["/dataset"]
    assert refused(device="gpu") == ["/device"]
    assert refused(learning_rate=0, commit="perhaps") == ["/learning_rate", "/commit"]
    assert refused(validation=0, patience=3) == [""]
    before = server.weights()
    job = end_of(server, begin(server, "fit", dataset=dataset, loss="mse"))
    assert (job["status"], job["error"]["type"]) == ("failed", "/problems/invalid")
    assert "cross_entropy" in job["error"]["errors"][0]["detail"]
    assert server.weights() == before
