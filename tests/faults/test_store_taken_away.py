"""The store's directory, or its lock, is removed under a server: it ends with one line, and loses nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.story import NEURONS
from tests.running_server import ThreadServer

MakeServer = Callable[..., ThreadServer]


@pytest.mark.parametrize("journal", ["everysec", "always"])
def test_all_that_was_learnt_outlives_a_directory_that_was_removed(
    new_server: MakeServer, tmp_path: Path, journal: str
) -> None:
    server = new_server(neurons=NEURONS, journal=journal).start()
    server.run(text="what was learnt before the last snapshot")
    server.snapshot()  # nothing has changed since, and it is gone all the same
    before = server.weights()
    shutil.rmtree(tmp_path / "data")
    assert server.wait() == f"the store was taken away: {tmp_path}/data/.lock is gone"
    assert "Traceback" not in server.log
    assert server.start().weights() == before


def test_nothing_is_acknowledged_once_the_journal_was_removed(new_server: MakeServer, tmp_path: Path) -> None:
    server = new_server(neurons=NEURONS, journal="always").start()
    server.run(text="one")
    shutil.rmtree(tmp_path / "data" / "default" / "journal")
    refused = server.client.post("/v1/inputs", params={"wait": "true"}, json={"text": "two"})
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/not-durable")
    assert (server.wait() or "").startswith("the store was taken away: ")
    assert server.start().net()["tokens_seen"] == 3


def test_a_second_server_that_got_the_lock_is_left_alone(new_server: MakeServer, tmp_path: Path) -> None:
    first, second = (new_server(neurons=NEURONS, snapshot_every=0) for _ in range(2))
    first.start().run(text="one")
    second.launch()
    assert "is in use by another server" in (second.wait() or "")
    lock = tmp_path / "data" / ".lock"
    other = tmp_path / "other"
    other.touch()
    other.replace(lock)  # as by a second server that came between
    assert first.wait() == f"the store was taken away: {lock} is another file now"
    assert "snapshot 0" not in first.log  # it is not its own any more
    assert second.start().net()["tokens_seen"] == 3
