"""A server that asks for keys."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from service.api.openai.errors import is_openai
from service.auth.keys import Scope, create_key
from tests.running_server import ThreadServer

SEEN_SECONDS = 10.0  # a change of the file is seen within 1 s, and a busy machine may be slow
ENDLESS = 10_000_000  # tokens, of a generation


class Guarded:
    """A server with a file of keys, and a key of each scope."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "keys"
        self.keys = {
            scope: create_key(self.file, scope.word, scope) for scope in (Scope.MERGE, Scope.READ, Scope.TEACH)
        }
        self.keys[Scope.ADMIN] = "an-admins-key-of-the-environment"
        self.server = ThreadServer(
            directory,
            neurons=1000,
            max_tokens=ENDLESS,
            keys_file=self.file,
            api_key=self.keys[Scope.ADMIN],
        )
        self.server.client.headers = bearer(self.keys[Scope.ADMIN])
        self.stranger = httpx.Client(base_url=self.server.url)

    def status(self, method: str, path: str, headers: dict[str, str]) -> int:
        response = self.stranger.request(method, path, headers=httpx.Headers(headers, encoding="latin-1"))
        if response.status_code in (401, 403) and method != "HEAD":
            assert response.headers["www-authenticate"].startswith("Bearer")
            if is_openai(path):
                assert response.json()["error"]["code"] in ("invalid_api_key", "insufficient_scope")
            else:
                assert response.headers["content-type"] == "application/problem+json"
                assert response.json()["status"] == response.status_code
        return response.status_code

    def stream(self, key: str | None, *subprotocols: str) -> ClientConnection:
        return connect(
            f"ws://127.0.0.1:{self.server.port}/v1/stream",
            additional_headers=None if key is None else bearer(key),
            subprotocols=[Subprotocol(each) for each in subprotocols] or None,
            compression=None,
        )

    def stream_status(self, key: str | None, *subprotocols: str) -> int:
        """Return the status of the handshake: 101 where the stream is opened."""
        try:
            with self.stream(key, *subprotocols) as connection:
                assert json.loads(connection.recv())["type"] == "hello"
                return 101
        except InvalidStatus as error:
            return error.response.status_code


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SEEN_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
