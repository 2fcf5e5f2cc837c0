"""A net becomes what that of another server is, by a snapshot; and what is refused before anything changes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running_server import RunningServer, ThreadServer
from tests.takeover.servers import of_its_own, state, take_over

TEXT = "what one has lived through, the other has lived through. "
KEY = "a" * 32


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    server = of_its_own(tmp_path_factory.mktemp("other"))
    server.run(text=TEXT * 20, label="a teacher")
    yield server
    server.close()


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    server = of_its_own(tmp_path_factory.mktemp("mine"), max_lines=8192)
    server.run(text="another life altogether. " * 20)
    yield server
    server.close()


def test_it_is_what_the_other_is_and_goes_on_as_that_does(mine: RunningServer, other: RunningServer) -> None:
    was, life = state(mine), other.client.get("/v1/self").json()
    job = take_over(mine, other, "snapshot")
    assert (job["status"], job["error"], job["progress"]) == ("succeeded", None, 1.0)
    result = job["result"]
    assert state(mine) == state(other) == result["state_sha256"]
    assert result["tick"] == other.net()["tick"] == mine.net()["tick"]
    assert mine.client.get("/v1/self").json()["knows"] == life["knows"]
    before = mine.client.get(f"/v1/snapshots/{result['before']}").json()
    assert (before["state_sha256"], before["kept"]) == (was, True)
    assert mine.run(text=TEXT) == other.run(text=TEXT)
    assert state(mine) == state(other)
    mine.client.post(f"/v1/snapshots/{result['before']}/restore").raise_for_status()
    assert state(mine) == was


def test_a_start_after_it_finds_it_done(tmp_path: Path, other: RunningServer) -> None:
    server = of_its_own(tmp_path)
    server.run(text="another life")
    assert take_over(server, other, "snapshot")["status"] == "succeeded"
    server.run(text=TEXT)
    was = state(server)
    server.kill()
    server.start()
    assert state(server) == was
    server.close()


@pytest.mark.parametrize(
    ("request_", "status", "told"),
    [
        ({}, 422, "/url"),
        ({"url": "file:///etc/passwd"}, 422, "/url"),
        ({"url": "http://127.0.0.1/v1/net"}, 422, "/url"),
        ({"url": "http://127.0.0.1:1", "how": "steal"}, 422, "/how"),
        ({"url": "http://127.0.0.1:1", "key": "two words"}, 422, "/key"),
        ({"url": "http://127.0.0.1:1", "keys": "k"}, 422, "/keys"),
        ({"url": "http://10.0.0.1:8420"}, 403, "REALNET_PEERS"),
        ({"url": "http://127.0.0.1:1"}, 502, "http://127.0.0.1:1 does not answer"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_begun(
    mine: RunningServer, request_: dict[str, Any], status: int, told: str
) -> None:
    jobs = len(mine.client.get("/v1/jobs").json()["data"])
    refused = mine.client.post("/v1/takeovers", json=request_)
    assert refused.status_code == status
    assert told in refused.text
    assert len(mine.client.get("/v1/jobs").json()["data"]) == jobs


def test_the_key_to_the_other_server_opens_it_and_is_shown_nowhere(mine: RunningServer, tmp_path: Path) -> None:
    with_key = of_its_own(tmp_path, api_key=KEY)
    for wrong in ({}, {"key": "b" * 32}):
        refused = mine.client.post("/v1/takeovers", json={"url": with_key.url, **wrong})
        assert refused.status_code == 502
        assert f"{with_key.url} answers 401" in refused.json()["detail"]
    job = take_over(mine, with_key, "snapshot", key=KEY)
    assert job["status"] == "succeeded"
    assert job["request"] == {"url": with_key.url, "how": "snapshot", "keyed": True}
    assert state(mine) == state(with_key)
    assert KEY not in mine.log
    assert not any(KEY.encode() in path.read_bytes() for path in mine._store.rglob("*") if path.is_file())
    with_key.close()


def test_a_net_of_another_kind_is_refused(
    mine: RunningServer, other: RunningServer, frames_server: RunningServer
) -> None:
    for a, b in ((mine, frames_server), (frames_server, other)):
        was = state(a)
        refused = a.client.post("/v1/takeovers", json={"url": b.url})
        assert refused.status_code == 409
        assert "other inputs or outputs" in refused.json()["detail"]
        assert state(a) == was
