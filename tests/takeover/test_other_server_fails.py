"""Another server is gone in the middle, or sends what it should not: the job fails, and the net stays as it was."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, TypeAlias

import httpx
import pytest

from tests.jobs.client import end_of
from tests.running_server import RunningServer, ThreadServer
from tests.takeover.servers import of_its_own, state

TEXT = "what one has lived through, the other has lived through. "
Spoil: TypeAlias = Callable[[str, bytes], bytes]  # a path and what is answered there; less of it breaks off


class Between:
    """A server that sends all on to another, and spoils what that answers."""

    def __init__(self, other: str) -> None:
        self.spoil: Spoil = lambda _, content: content
        self._client = client = httpx.Client(base_url=other)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:
                body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
                kind = {"content-type": handler.headers.get("content-type", "")} if body else {}
                answer = client.request(handler.command, handler.path, content=body, headers=kind)
                handler.send_response(answer.status_code)
                handler.send_header("content-type", answer.headers.get("content-type", ""))
                spoilt = self.spoil(handler.path, answer.content)
                handler.send_header("content-length", str(max(len(spoilt), len(answer.content))))
                handler.end_headers()
                handler.wfile.write(spoilt)

            do_POST = do_GET

            def log_message(handler, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._client.close()


@pytest.fixture(scope="module")
def between(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    other = of_its_own(tmp_path_factory.mktemp("other"))
    other.run(text=TEXT)
    other.snapshot()
    other.run(text=TEXT)
    between = Between(other.url)
    yield between
    between.close()
    other.close()


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    server = of_its_own(tmp_path_factory.mktemp("mine"))
    server.run(text="another life")
    yield server
    server.close()


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def spoiling(end: str, spoil: Callable[[bytes], bytes]) -> Spoil:
    return lambda path, content: spoil(content) if path.endswith(end) else content


CASES = {
    "the snapshot is cut off": ("snapshot", spoiling("/data", half), "or no longer"),
    "the snapshot is changed": ("snapshot", spoiling("/data", flipped), "cut off or changed"),
    "it tells of no snapshot": ("snapshot", spoiling("/v1/snapshots", lambda _: b"{}" + b" " * 999), "as a RealNet"),
    "its memory is no memory": ("snapshot", spoiling("/memory", lambda _: b"\x80" * 9999999), "another version"),
    "the journal is cut off": ("relive", spoiling("/v1/journal", half), "or no longer"),
    "the journal is changed": ("relive", spoiling("/v1/journal", flipped), "the journal ends at record"),
    "it says it were another": (
        "relive",
        spoiling("/v1/snapshots", lambda told: told.replace(b'"state_sha256":"', b'"state_sha256":"0')),
        "is not what",
    ),
}


@pytest.mark.parametrize(("how", "spoil", "told"), CASES.values(), ids=CASES)
def test_the_net_stays_as_it_was(mine: RunningServer, between: Between, how: str, spoil: Spoil, told: str) -> None:
    was, saved = state(mine), mine.client.get("/v1/snapshots").json()["data"]
    between.spoil = spoil
    response = mine.client.post("/v1/takeovers", json={"url": between.url, "how": how})
    assert response.status_code == 202, response.text
    job = end_of(mine, response.json()["id"])
    assert (job["status"], job["result"]) == ("failed", None)
    assert told in job["error"]["detail"]
    assert between.url in job["error"]["detail"]
    assert state(mine) == was
    assert mine.client.get("/v1/snapshots").json()["data"] == saved
    assert not list(mine._store.rglob(".job-*"))


def test_a_takeover_may_be_cancelled(mine: RunningServer, between: Between) -> None:
    was, jobs = state(mine), mine.client
    between.spoil = spoiling("/data", lambda content: jobs.post("/v1/jobs/00000008/cancel").content and content)
    id = jobs.post("/v1/takeovers", json={"url": between.url}).json()["id"]
    assert id == "00000008"
    assert end_of(mine, id)["status"] == "cancelled"
    assert state(mine) == was
