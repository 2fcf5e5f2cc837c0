"""Snapshots that come back as files: kept, restored on demand, and never taken for the live net's own."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.running_server import RunningServer, ThreadServer

PATH = "/v1/snapshots/upload"
TEXT = "what was learnt elsewhere; " * 20
FILE = {"content-type": "application/octet-stream"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a small net that has read a text."""
    server = ThreadServer(tmp_path_factory.mktemp("elsewhere"), neurons=1000).start()
    server.run(text=TEXT)
    data = server.client.get(f"/v1/snapshots/{server.snapshot()['id']}/data").content
    server.close()
    return data


def upload(server: RunningServer, data: bytes, **query: str) -> httpx.Response:
    return server.client.post(PATH, content=data, headers=FILE, params=query)


def test_a_file_is_kept_and_lives_when_it_is_restored_over_a_crash(
    new_server: Callable[..., ThreadServer], small: bytes
) -> None:
    server = new_server(neurons=1000, snapshots_kept=1).start()
    server.run(text="my own")
    before = server.weights()
    answer = upload(server, small, name="theirs")
    theirs = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/snapshots/{theirs['id']}")
    assert (theirs["tick"], theirs["kept"], theirs["name"], theirs["job"]) == (len(TEXT), True, "theirs", "upload")
    assert server.client.get(f"/v1/snapshots/{theirs['id']}/data").content == small
    assert server.weights() == before

    server.kill()
    assert server.start().weights() == before  # though it is the newest
    server.client.post(f"/v1/snapshots/{theirs['id']}/restore").raise_for_status()
    assert server.net(hash="true")["state_sha256"] == theirs["state_sha256"]
    server.run(text="and goes on")
    after = server.weights()
    server.kill()
    assert server.start().weights() == after


def test_a_net_with_other_outputs_is_refused(frames_server: RunningServer, small: bytes) -> None:
    before = frames_server.client.get("/v1/snapshots").json()
    assert upload(frames_server, small).status_code == 409
    assert frames_server.client.get("/v1/snapshots").json() == before


def test_what_is_no_snapshot_is_refused(new_server: Callable[..., ThreadServer], small: bytes, tmp_path: Path) -> None:
    server = new_server(neurons=1000, max_dataset_bytes=len(small), max_kept_snapshots=1).start()
    for wrong in (b"", b"not a net", small[:-1], small[: len(small) // 2]):
        problem = upload(server, wrong)
        assert (problem.status_code, problem.json()["errors"][0]["pointer"]) == (422, "")
    assert upload(server, small + b"0").status_code == 413
    assert upload(server, small, name="a\nb").status_code == 422
    assert server.client.post(PATH, content=small).status_code == 415
    assert upload(server, small).status_code == 201
    assert upload(server, small).status_code == 409  # no more may be kept
    assert len(server.client.get("/v1/snapshots").json()["data"]) == 1
