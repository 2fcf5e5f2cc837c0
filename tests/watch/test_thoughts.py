"""What a net thinks while nothing comes: shown to those who watch, begun anew with every input, and never learnt."""

import json
from collections.abc import Callable, Iterator

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.running_server import ThreadServer


@pytest.fixture
def server(new_server: Callable[..., ThreadServer]) -> ThreadServer:
    return new_server(variant="fast", tick_hz=1000.0, snapshot_every=0).start()


@pytest.fixture
def watch(server: ThreadServer) -> Iterator[ClientConnection]:
    with connect(f"ws://127.0.0.1:{server.port}/v1/stream?watch=true&outputs=none") as stream:
        yield stream


def until_it_thinks(watch: ClientConnection, is_so: Callable[[str | None], bool]) -> str | None:
    while True:
        message = json.loads(watch.recv(timeout=30))
        if message["type"] == "watch" and is_so(message["thinks"]):
            thought: str | None = message["thinks"]
            return thought


def test_it_thinks_on_from_what_it_has_in_mind_and_learns_nothing(
    server: ThreadServer, watch: ClientConnection
) -> None:
    server.run(text="abcdefgh" * 300)
    until_it_thinks(watch, lambda thought: thought is None)
    assert server.client.patch("/v1/net", json={"self_loop": True}).json()["self_loop"] is True
    before = server.weights()
    assert "abcdefgh" in str(until_it_thinks(watch, lambda thought: len(thought or "") >= 16))
    server.run(text="12345678" * 300)
    weights = server.weights()
    assert weights != before
    assert set(str(until_it_thinks(watch, lambda thought: "12345678" in (thought or "")))).isdisjoint("abcdefgh")
    until_it_thinks(watch, lambda thought: len(thought or "") == 200)  # as much as is kept
    assert server.weights() == weights
    assert server.net()["tokens_seen"] == 2 * 8 * 300
    server.client.patch("/v1/net", json={"self_loop": False}).raise_for_status()
    until_it_thinks(watch, lambda thought: thought is None)


def test_it_is_a_setting_and_frames_have_no_words_to_think_in(
    new_server: Callable[..., ThreadServer], frames_server: ThreadServer
) -> None:
    assert new_server(variant="fast", self_loop=True).start().net()["self_loop"] is True
    answer = frames_server.client.patch("/v1/net", json={"self_loop": True, "tick_hz": 5.0})
    assert answer.status_code == 409
    assert frames_server.net()["tick_hz"] == 0.001  # nothing of it was done
    assert frames_server.client.patch("/v1/net", json={"self_loop": False}).status_code == 200
