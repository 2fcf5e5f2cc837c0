"""Servers whose nets merge: each with a store of its own, and a text that no other has read."""

import asyncio
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import service.jobs.merge
from service.jobs.merge_worker import merge_in
from tests.jobs.client import end_of
from tests.running_server import ProcessServer, RunningServer, ThreadServer

READ, LATER = 6000, 3000
SMALL = {"preset": "dendrites", "variant": "fast", "max_lines": 2**15, "snapshot_every": 0}

Start = Callable[..., Any]


def _text(number: int) -> str:
    """Return what a member reads: sentences in which each word has few that follow it, half of them in all texts."""
    words = ["".join(random.Random(f"word {k}").choices("etaoinshrdlu", k=3 + k % 5)) for k in range(240)]
    followers = {word: random.Random(word).sample(words[:120], 3) for word in words}
    own, draw = words[120 + 40 * number :][:40], random.Random(number)
    said = [own[0]]
    while sum(map(len, said)) + len(said) < READ + LATER:
        said.append(draw.choice(followers[said[-1]] if draw.random() < 0.9 else own))
    return " ".join(said)


TEXTS, HELD_OUT = [[_text(number)[part] for number in range(3)] for part in (slice(READ), slice(READ, READ + LATER))]


async def _in_this_process(worker: str, directory: Path, report: Any) -> dict[str, Any]:
    return await asyncio.to_thread(merge_in, directory, report)


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a server for each text, and has it live that. Servers on threads merge in this process, which is ready."""
    monkeypatch.setattr(service.jobs.merge, "run_process", _in_this_process)
    made: list[ThreadServer | ProcessServer] = []

    def begin(*texts: str, kind: type[ThreadServer] | type[ProcessServer] = ThreadServer, **settings: Any) -> Any:
        begun = []
        for text in texts:
            (directory := tmp_path / f"member {len(made)}").mkdir()
            made.append(kind(directory, **SMALL | settings))
            begun.append(made[-1].start())
            begun[-1].run(text=text)
        return begun

    yield begin
    for server in made:
        server.close()


def ask(server: RunningServer, *peers: RunningServer | str, **request: Any) -> str:
    """Have a server merge with others, and return the job's id."""
    urls = [peer if isinstance(peer, str) else peer.url for peer in peers]
    response = server.client.post("/v1/merges", json={"peers": [{"url": url} for url in urls]} | request)
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


def merge(server: RunningServer, *peers: RunningServer | str) -> dict[str, Any]:
    """Have a server merge with others, and return what has come of it."""
    job = end_of(server, ask(server, *peers))
    assert job["status"] == "succeeded", job
    return dict(job["result"])


def ancestor(server: RunningServer) -> str:
    return str(server.client.get("/v1/merges").raise_for_status().json()["ancestor"])


def bits(server: RunningServer, text: str) -> float:
    """Return how many bits a byte of a text costs the net, which does not learn it."""
    outputs = server.run(text=text, learn=False)
    return float(sum(each["surprise"] for each in outputs) / len(outputs))
