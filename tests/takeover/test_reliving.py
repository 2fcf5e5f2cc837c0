"""A net becomes what that of another server is by living through its journal again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.redis_server import RedisServer
from tests.running_server import RunningServer, ThreadServer
from tests.takeover.servers import of_its_own, state, take_over

TEXT = "what one has lived through, the other lives through again. "


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    server = of_its_own(tmp_path_factory.mktemp("mine"))
    server.run(text="another life altogether. " * 20)
    yield server
    server.close()


@pytest.fixture
def new_other(tmp_path: Path) -> Iterator[Callable[..., ThreadServer]]:
    made: list[ThreadServer] = []

    def make(**settings: object) -> ThreadServer:
        made.append(of_its_own(tmp_path / "other", **settings))
        return made[-1]

    yield make
    for server in made:
        server.close()


def test_a_life_is_relived_from_its_birth(mine: RunningServer, new_other: Callable[..., ThreadServer]) -> None:
    other = new_other()
    other.run(text=TEXT * 20, label="a teacher")
    first = other.snapshot()["id"]
    other.client.patch("/v1/net", json={"learning_rate": 0.01}).raise_for_status()
    other.run(text=TEXT * 5)
    other.client.post(f"/v1/snapshots/{first}/restore").raise_for_status()
    other.client.post("/v1/net/grow", json={"lines": 8192, "contexts": ["order 5"]}).raise_for_status()
    other.run(text=TEXT, learn=False)
    other.run(text=TEXT[::-1])
    job = take_over(mine, other, "relive")
    assert (job["status"], job["error"]) == ("succeeded", None)
    assert job["result"]["ticks_relived"] == 27 * len(TEXT)
    assert state(mine) == state(other) == job["result"]["state_sha256"]
    assert mine.client.get("/v1/self").json()["knows"] == other.client.get("/v1/self").json()["knows"]
    assert mine.run(text=TEXT) == other.run(text=TEXT)
    assert state(mine) == state(other)


@pytest.mark.long
def test_without_its_beginning_it_is_relived_from_the_oldest_snapshot(
    mine: RunningServer, new_other: Callable[..., ThreadServer]
) -> None:
    other = new_other(snapshots_kept=2)
    for _ in range(3):  # each start begins a file of the journal
        other.run(text=TEXT)
        other.terminate()
        other.start()
    other.run(text=TEXT * 2)
    with pytest.raises(AssertionError, match="the journal begins at record"):
        other._json(other.client.get("/v1/journal?after=1"))
    job = take_over(mine, other, "relive")
    assert (job["status"], job["error"]) == ("succeeded", None)
    assert job["result"]["ticks_relived"] < other.net()["tick"]
    assert job["result"]["ticks_relived"] >= 2 * len(TEXT)
    assert state(mine) == state(other)


@pytest.mark.long
def test_a_life_in_redis_may_end_within_an_input(
    mine: RunningServer, new_other: Callable[..., ThreadServer], redis_server: RedisServer
) -> None:
    other = new_other(store=redis_server.url)
    other.client.post("/v1/inputs", json={"text": TEXT * 1000}).raise_for_status()
    other.client.patch("/v1/net", json={"paused": True}).raise_for_status()  # which stops it where it is
    job = take_over(mine, other, "relive")
    assert (job["status"], job["error"]) == ("succeeded", None)
    assert state(mine) == state(other) == job["result"]["state_sha256"]
    assert mine.net()["tick"] == other.net()["tick"] == job["result"]["ticks_relived"] > 0
    assert mine.net()["mode"] != "paused"


def test_a_server_without_a_journal_has_no_life_to_be_relived(
    mine: RunningServer, new_other: Callable[..., ThreadServer]
) -> None:
    other, was = new_other(journal="off"), state(mine)
    assert other.client.get("/v1/journal").status_code == 409
    job = take_over(mine, other, "relive")
    assert (job["status"], job["error"]["status"]) == ("failed", 409)
    assert "keeps no journal" in job["error"]["detail"]
    assert state(mine) == was
