"""A server that takes messages, or answers them as a test wants."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

from tests.free_port import free_port
from tests.running_server import RunningServer


class Got(NamedTuple):
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        return list(json.loads(self.body)["events"])


class Receiver:
    """What was posted to a port while it was `up`.

    Attributes:
        answer: the status of each answer, its headers, and its body.
        got: what was taken, with a status of success.
        tries: how many requests there were.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/events"
        self.answer: tuple[int, Mapping[str, str], bytes] = (204, {}, b"")
        self.got: list[Got] = []
        self.tries = 0

    @contextmanager
    def up(self) -> Iterator["Receiver"]:
        server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    @property
    def ids(self) -> list[int]:
        """Return the ids of all events that were taken, in order."""
        return [event["id"] for got in self.got for event in got.events]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status, headers, told = receiver.answer
                receiver.tries += 1
                if status < 300:
                    receiver.got.append(Got(self.path, dict(self.headers.items()), body))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def until(is_so: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def add(server: RunningServer, url: str, status: int = 201, **more: Any) -> dict[str, Any]:
    answer = server.client.post("/v1/hooks", json={"url": url, **more})
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def hook(server: RunningServer, id: str) -> dict[str, Any]:
    """Return how a hook is."""
    return next(each for each in server.client.get("/v1/hooks").json()["data"] if each["id"] == id)


def events(server: RunningServer, after: int = 0) -> list[dict[str, Any]]:
    return list(server.client.get("/v1/events", params={"after": after, "limit": 1000}).json()["data"])
