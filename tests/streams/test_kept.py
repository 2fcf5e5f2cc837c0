"""Streams are kept: over kills, on the way to the store and back, without a journal, and by servers that follow."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from realnet.streams.lines import LineDetector
from realnet.streams.metric import MetricDetector, Value
from tests.faults.story import ROUNDS
from tests.hive.servers import Servers, wait_until
from tests.running_server import ProcessServer, RunningServer, ThreadServer
from tests.streams.test_observe import get, noise, observe

VALUES = [*noise(400), 1e3, *noise(100, 2), 2e3]
LINES = [f"session {number} opened for user u{number * number % 23}" for number in range(560)]
LINES += ["kernel: out of memory", *LINES[:40], "disk failure on sda, sector 17", *LINES[:20]]
SMALL = {"variant": "fast", "max_lines": 2**12}


def expected() -> dict[str, list[float]]:
    values = MetricDetector().run([Value(None, value) for value in VALUES])
    lines = LineDetector().run(LINES)
    return {"values": [each.score for each in values], "lines": [each.score for each in lines]}


def rows_of(server: RunningServer, stream: str) -> list[float]:
    return [each["score"] for each in get(server, f"/v1/rows?stream={stream}")["data"]]


def assert_as_uninterrupted(server: RunningServer) -> None:
    """The last rows have the scores, and the events are those, of a server that was never interrupted."""
    for stream, scores in expected().items():
        assert rows_of(server, stream) == scores[-256:]
        events = get(server, f"/v1/events?stream={stream}")["data"]
        numbers = [each["number"] for each in events if each["state"] == "open"]
        assert numbers == list(range(1, len(numbers) + 1))
    ids = [each["id"] for each in get(server, "/v1/events?limit=1000")["data"]]
    assert ids == list(range(1, len(ids) + 1))


class Story:
    """Tells a server rows of two streams in turn, each message under a key of its own, however often it is killed."""

    def __init__(self) -> None:
        chance = random.Random(3)
        self.messages: list[tuple[str, dict[str, Any]]] = []
        begun = {"values": 0, "lines": 0}
        rows: dict[str, list[Any]] = {"values": VALUES, "lines": LINES}
        while any(begun[kind] < len(rows[kind]) for kind in rows):
            kind = chance.choice([kind for kind in rows if begun[kind] < len(rows[kind])])
            size = chance.randrange(1, 40)
            self.messages.append((kind, {kind: rows[kind][begun[kind] : begun[kind] + size]}))
            begun[kind] += size
        self.told = 0

    def tell(self, server: RunningServer, count: int | None = None) -> None:
        """Tell some messages, or all that are left."""
        until = len(self.messages) if count is None else min(len(self.messages), self.told + count)
        while self.told < until:
            kind, body = self.messages[self.told]
            observe(server, kind, key=f"{kind}-{self.told}", **body)
            self.told += 1

    def begin(self, server: RunningServer) -> None:
        """Send a message as if its answer were lost: it is sent again, under its key."""
        if self.told < len(self.messages):
            kind, body = self.messages[self.told]
            headers = {"Idempotency-Key": f"{kind}-{self.told}"}
            with server.client.stream("POST", "/v1/observe", json={"stream": kind, **body}, headers=headers):
                pass


@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_killed_at_any_moment_streams_are_as_if_never_interrupted(
    new_process: Callable[..., ProcessServer], policy: str
) -> None:
    if policy == "always" and ROUNDS < 10:
        pytest.skip("only in the long form")
    server, story, chance = new_process(journal=policy, snapshot_every=0.1, **SMALL), Story(), random.Random(5)
    for _ in range(max(3, ROUNDS)):
        server.start()
        story.tell(server, chance.randrange(1, 14))
        story.begin(server)
        server.kill()
    server.start()
    story.tell(server)
    assert_as_uninterrupted(server)


def test_a_clean_stop_loses_nothing_without_a_journal(new_server: Callable[..., ThreadServer]) -> None:
    server, story = new_server(journal="off", **SMALL), Story()
    for _ in range(3):
        server.start()
        story.tell(server, 10)
        server.terminate()
    server.start()
    story.tell(server)
    assert_as_uninterrupted(server)


def test_streams_that_went_to_the_store_come_back_as_they_were(new_server: Callable[..., ThreadServer]) -> None:
    server, story = new_server(streams_bytes=1, **SMALL).start(), Story()  # one at a time
    story.tell(server)
    assert_as_uninterrupted(server)
    assert [each["rows"] for each in get(server, "/v1/streams")["data"]] == [len(LINES), len(VALUES)]
    server.kill()
    server.start()
    assert_as_uninterrupted(server)


def test_a_stream_that_was_forgotten_begins_anew_also_after_a_kill(new_process: Callable[..., ProcessServer]) -> None:
    server = new_process(**SMALL).start()
    observe(server, "twice", values=noise(200))
    server.snapshot()
    observe(server, "twice", values=noise(20))
    assert server.client.delete("/v1/streams/twice").status_code == 204
    observe(server, "twice", lines=["now of lines"])
    before = get(server, "/v1/streams/twice")
    server.kill()
    server.start()
    assert get(server, "/v1/streams/twice") == before


def test_damage_of_one_stream_is_told_and_the_others_go_on(
    new_server: Callable[..., ThreadServer], tmp_path: Path
) -> None:
    server = new_server(store=f"file:{tmp_path}/store", **SMALL).start()
    for name in ("spoilt", "whole"):
        observe(server, name, values=noise(200))
        server.snapshot()
    server.terminate()
    chunks = sorted((tmp_path / "store").rglob("streams/*/chunk-*"), key=lambda path: path.stat().st_mtime)
    chunks[0].write_bytes(chunks[0].read_bytes()[:-1] + b"\0\0")
    server.start()
    observe(server, "whole", values=[10.0])
    assert "damaged" in observe(server, "spoilt", 409, values=[10.0])["detail"]
    assert server.client.delete("/v1/streams/spoilt").status_code == 204
    observe(server, "spoilt", values=[10.0])
    assert get(server, "/v1/streams/spoilt")["rows"] == 1


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    made = Servers(tmp_path)
    yield made
    made.close()


def test_a_follower_has_the_same_streams_and_goes_on_when_it_leads(servers: Servers) -> None:
    leader, story = servers.leader(**SMALL), Story()
    story.tell(leader, 20)
    leader.snapshot()
    follower = servers.follower(standby=True, streams_bytes=1, **SMALL)
    story.tell(follower, 20)  # which sends them to the leader
    for stream in ("values", "lines"):
        wait_until(lambda stream=stream: rows_of(follower, stream) == rows_of(leader, stream), "it follows")  # type: ignore[misc]
    events = get(leader, "/v1/events?limit=1000")
    assert get(follower, "/v1/events?limit=1000") == events
    leader.terminate()
    wait_until(lambda: get(follower, "/v1/hive")["role"] == "leader", "the follower leads")
    story.tell(follower)
    assert_as_uninterrupted(follower)
