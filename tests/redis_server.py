"""A real redis-server that a test may kill and start again, and a store of each kind."""

import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from service.store import open_store
from service.store.base import Store
from tests.redis_binary import redis_binary


class RedisServer:
    """On a free port of 127.0.0.1, the same after every start, as are its data: they are in an append-only file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        options = f"--bind 127.0.0.1 --port {self.port} --dir {self._directory} --appendonly yes --appendfsync always"
        self._process = subprocess.Popen(
            [redis_binary(), *options.split(), "--save", ""], stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        assert self._process.stdout is not None
        log = ""
        for line in self._process.stdout:
            if "Ready to accept connections" in line:
                return
            log += line
        pytest.fail(f"redis-server did not start:\n{log}", pytrace=False)

    def kill(self) -> None:
        """SIGKILL; what the server has replied to is in its file."""
        with self._process:  # closes its log and waits for its end
            self._process.kill()

    def lose_everything(self) -> None:
        """SIGKILL, and started again as one that keeps nothing on a disk."""
        self.kill()
        shutil.rmtree(self._directory)
        self._directory.mkdir()
        self.start()

    def stall(self) -> None:
        """Stop answering, with every connection left open."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    directory = tmp_path / "redis"
    directory.mkdir()
    server = RedisServer(directory)
    yield server
    server.kill()


@pytest.fixture(params=["file", "redis"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return f"file://{tmp_path}/store"
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    store = open_store(store_url)
    yield store
    await store.close()
