"""Servers on one store: one that leads, and those that follow it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.running_server import RunningServer, ThreadServer

PATIENCE_SECONDS = 30.0


class Servers:
    """Servers on threads, each in a directory of its own, on the store of the first."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made: list[ThreadServer] = []
        self.url = f"file://{directory}/store"

    def leader(self, **settings: object) -> ThreadServer:
        return self._make(store=self.url, **settings).start()

    def follower(self, **settings: object) -> ThreadServer:
        return self._make(follow=self.url, **settings).start()

    def close(self) -> None:
        for server in self._made:
            server.close()

    def _make(self, **settings: object) -> ThreadServer:
        directory = self._directory / f"server-{len(self._made)}"
        directory.mkdir()
        self._made.append(ThreadServer(directory, **settings))
        return self._made[-1]


def hive_of(server: RunningServer) -> dict[str, Any]:
    answer: dict[str, Any] = server.client.get("/v1/hive").raise_for_status().json()
    return answer


def seen_by(server: RunningServer, url: str) -> dict[str, Any] | None:
    """Return what a server has heard of the one at `url`."""
    return next((each for each in hive_of(server)["members"] if each["url"] == url), None)


def wait_until(condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)


def wait_until_level(leader: RunningServer, *followers: RunningServer) -> str:
    """Wait until all are at the leader's tick; return the hash of their whole state, which is one."""
    tick = leader.net()["tick"]
    for follower in followers:
        wait_until(lambda follower=follower: follower.net()["tick"] == tick, "the follower has lived all")  # type: ignore[misc]
    [found] = {server.net(hash="true")["state_sha256"] for server in (leader, *followers)}
    return str(found)
