"""A real redis-server that a test may kill and start again, and a store of each kind."""

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.free_port import free_port
from tests.redis_binary import redis_binary


class RedisServer:
    """On a free port of 127.0.0.1, the same after every start, as are its data: they are in an append-only file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.port = free_port()
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
