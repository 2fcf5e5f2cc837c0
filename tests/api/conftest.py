"""What the tests of the API share."""

from collections.abc import Iterator

import pytest

from tests.running_server import RunningServer


@pytest.fixture
def untouched(server: RunningServer) -> Iterator[RunningServer]:
    """Yield the server of a net of tokens, which must be the same after the test."""
    before = server.net(hash="true")
    yield server
    assert server.net(hash="true")["state_sha256"] == before["state_sha256"]


@pytest.fixture
def untouched_frames(frames_server: RunningServer) -> Iterator[RunningServer]:
    """Yield the same with a net of raw frames."""
    before = frames_server.net(hash="true")
    yield frames_server
    assert frames_server.net(hash="true")["state_sha256"] == before["state_sha256"]
