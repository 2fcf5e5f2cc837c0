"""A real server in a process of its own, that a test may stop, kill and start again on the same port and store."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

_READY_SECONDS = 60.0  # the first start on a machine compiles
_PROGRAM = "from service.server.run import run; from service.settings import Settings; run(Settings())"


class RunningServer:
    """Settings are given by name, as to `Settings`; those of the environment do not count.

    Ticks without input come once in 1000 s unless `tick_hz` is given, so that a tick means one token.
    """

    command: Sequence[str] = (sys.executable, "-c", _PROGRAM)

    def __init__(self, directory: Path, **settings: object) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._directory = directory
        given = {"port": self.port, "store": f"file://{directory}/data", "tick_hz": 0.001} | settings
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith("REALNET_")}
        self._environment |= {f"REALNET_{name.upper()}": str(value) for name, value in given.items()}
        self.client = httpx.Client(base_url=self.url, timeout=30.0)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "RunningServer":
        """Returns when it is ready."""
        self.launch()
        deadline = time.monotonic() + _READY_SECONDS
        while not self.is_ready():
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the server did not start:\n{self.log}", pytrace=False)
            time.sleep(0.02)
        return self

    def launch(self) -> None:
        """Start it without waiting."""
        with self._log_path.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self._environment, stdout=log, stderr=log)

    def is_ready(self) -> bool:
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def terminate(self) -> int:
        """SIGTERM; its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        return self._end(signal.SIGKILL)

    def wait(self) -> int:
        """For its own end; its exit status."""
        assert self.process is not None
        status = self.process.wait(30.0)
        self.process = None
        return status

    def close(self) -> None:
        if self.process is not None:
            self.kill()
        self.client.close()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        """Of all its starts."""
        return self._log_path.read_text(encoding="utf-8")

    @property
    def _log_path(self) -> Path:
        return self._directory / "server.log"

    # What many tests ask for:

    def net(self, **parameters: str) -> dict[str, Any]:
        return self._json(self.client.get("/v1/net", params=parameters))

    def weights(self) -> str:
        return str(self.net(hash="true")["weights_sha256"])

    def run(self, **content: object) -> list[dict[str, Any]]:
        """Input that has been run; its outputs."""
        answer = self._json(self.client.post("/v1/inputs", params={"wait": "true"}, json=content))
        return list(answer["outputs"])

    def snapshot(self) -> dict[str, Any]:
        return self._json(self.client.post("/v1/snapshots"))

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def _end(self, sign: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(sign)
        return self.wait()
