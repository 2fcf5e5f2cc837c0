"""Nets on servers of their own that merge what they have learnt: only lines travel."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.client import end_of
from tests.running_server import RunningServer, ThreadServer

CORPUS = Path(__file__).parents[2] / "docs"
TEXTS = [(CORPUS / name).read_text()[:8000] for name in ("api.md", "hive.md", "contributing.md")]
SMALL = {"preset": "dendrites", "variant": "fast", "max_lines": 2**15, "snapshot_every": 0}


@pytest.fixture
def members(tmp_path: Path) -> Iterator[Callable[..., list[ThreadServer]]]:
    """Starts servers, each with a store of its own and what it has lived."""
    made: list[ThreadServer] = []

    def start(*texts: str, **settings: Any) -> list[ThreadServer]:
        for text in texts:
            (directory := tmp_path / str(len(made))).mkdir()
            made.append(ThreadServer(directory, **SMALL | settings).start())
            made[-1].run(text=text)
        return made

    yield start
    for server in made:
        server.close()


def merge(server: RunningServer, *peers: RunningServer | str, **request: Any) -> dict[str, Any]:
    """Merge, and return the job when it has ended."""
    urls = [peer if isinstance(peer, str) else peer.url for peer in peers]
    response = server.client.post("/v1/merges", json={"peers": [{"url": url} for url in urls]} | request)
    assert response.status_code == 202, response.text
    return end_of(server, response.json()["id"])


def ancestor(server: RunningServer) -> str:
    return str(server.client.get("/v1/merges").raise_for_status().json()["ancestor"])


def test_members_have_the_same_lines_and_know_what_the_others_have_read(
    members: Callable[..., list[ThreadServer]],
) -> None:
    one, two, three = members(*TEXTS)
    job = merge(one, two, three)
    print(job)
    result = job["result"]
    assert result["adopted"] and result["left_out"] == {} == result["late"]
    assert {ancestor(each) for each in (one, two, three)} == {result["lines_sha256"]}
