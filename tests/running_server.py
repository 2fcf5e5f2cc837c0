"""Real servers, on a thread of the test process or in a process of their own."""

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from threading import Thread, main_thread
from typing import Any, Self

import httpx
import pytest

from service.server.run import NetServer, build
from service.settings import Settings
from service.telemetry.logs import formatted
from tests.forked_server import forked
from tests.free_port import free_port

_READY_SECONDS = 60.0  # the first start on a machine compiles

# Without scipy, which no server has: the tests need it, and numba would load it.
ALONE = (
    sys.executable,
    "-c",
    "import sys; sys.modules['scipy'] = None; from tests.forked_server import serve; serve()",
)
WARM = ["tests.warm_server"]
forks = get_context("forkserver")
forks.set_forkserver_preload(WARM)


class RunningServer(ABC):
    """A server on a port of its own, with a store and a log in a directory.

    Settings are given by name, as to `Settings`; those of the environment do not count. Ticks without
    input come once in 1000 s unless `tick_hz` is given, so that a tick means one token.
    """

    def __init__(self, directory: Path, **settings: object) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, verify=False, timeout=30.0)  # to load certificates takes a while
        self._store = directory / "data"
        self._given: dict[str, Any] = {"port": self.port, "store": f"file://{self._store}", "tick_hz": 0.001} | settings
        self._log_path = directory / "server.log"

    def start(self) -> Self:
        """Return when the server is ready."""
        self.launch()
        deadline = time.monotonic() + _READY_SECONDS
        while not self.is_ready():
            if self.has_ended or time.monotonic() > deadline:
                pytest.fail(f"the server did not start:\n{self.log}", pytrace=False)
            time.sleep(0.02)
        return self

    @abstractmethod
    def launch(self) -> None:
        """Start without waiting."""

    @property
    @abstractmethod
    def has_ended(self) -> bool: ...

    @abstractmethod
    def close(self) -> None: ...

    def is_ready(self) -> bool:
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    @property
    def log(self) -> str:
        """Return the lines of all starts."""
        return self._log_path.read_text(encoding="utf-8")

    # What many tests ask for:

    def net(self, **parameters: str) -> dict[str, Any]:
        return self._json(self.client.get("/v1/net", params=parameters))

    def weights(self) -> str:
        return str(self.net(hash="true")["weights_sha256"])

    def run(self, **content: object) -> list[dict[str, Any]]:
        """Run an input; return its outputs."""
        answer = self._json(self.client.post("/v1/inputs", params={"wait": "true"}, json=content))
        return list(answer["outputs"])

    def snapshot(self) -> dict[str, Any]:
        return self._json(self.client.post("/v1/snapshots"))

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer


class ProcessServer(RunningServer):
    """A server in a process of its own, for tests of its signals, memory, limits and death.

    The process is forked from one that has imported everything, which saves most of a start; with `command` it is a
    Python of its own: `ALONE`, where variables or files that Python or numba look at when they start matter.
    """

    command: Sequence[str] = ()

    def __init__(self, directory: Path, **settings: object) -> None:
        super().__init__(directory, **settings)
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith("REALNET_")}
        self._environment |= {f"REALNET_{name.upper()}": str(value) for name, value in self._given.items()}
        self.process: ForkServerProcess | subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        if self.command:
            with self._log_path.open("ab") as log:
                self.process = subprocess.Popen(self.command, env=self._environment, stdout=log, stderr=log)
        else:
            self.process = forks.Process(target=forked, args=(self._environment, self._log_path))
            self.process.start()

    @property
    def has_ended(self) -> bool:
        return self.process is None or self._status is not None

    def terminate(self) -> int:
        """Send SIGTERM; return the exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        return self._end(signal.SIGKILL)

    def wait(self) -> int:
        """Wait for the end of the process; return its exit status."""
        if isinstance(self.process, subprocess.Popen):
            self.process.wait(30.0)
        elif self.process is not None:
            self.process.join(30.0)
        status = self._status
        assert status is not None
        self.process = None
        return status

    def close(self) -> None:
        if self.process is not None:
            self.kill()
        self.client.close()

    @property
    def pid(self) -> int:
        assert self.process is not None
        assert self.process.pid is not None
        return self.process.pid

    @property
    def _status(self) -> int | None:
        """The exit status, negative for a signal; None while the process lives."""
        if isinstance(self.process, subprocess.Popen):
            return self.process.poll()
        return None if self.process is None else self.process.exitcode

    def _end(self, sign: signal.Signals) -> int:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.kill(self.pid, sign)
        return self.wait()


class ThreadServer(RunningServer):
    """A server on a thread of this process, which has imported and compiled everything: it starts far sooner."""

    def __init__(self, directory: Path, **settings: object) -> None:
        super().__init__(directory, **settings)
        self._settings = Settings(_env_prefix="NO_SETTING_", **self._given)  # else the environment's would count
        self._server: NetServer | None = None
        self._build: Callable[[Settings], tuple[NetServer, socket.socket]] = build
        self._thread = Thread()
        self._why: str | None = None

    def launch(self) -> None:
        self._server, listener = self._build(self._settings)
        self._handler = formatted(logging.FileHandler(self._log_path), is_text=False)
        self._handler.addFilter(lambda record: record.thread != main_thread().ident)  # the test's own client logs there
        logging.getLogger().addHandler(self._handler)
        self._thread = Thread(target=self._serve, args=(self._server, listener), daemon=True)
        self._thread.start()

    def _serve(self, server: NetServer, listener: socket.socket) -> None:
        self._why = server.serve_on(listener)

    @property
    def has_ended(self) -> bool:
        return not self._thread.is_alive()

    def wait(self) -> str | None:
        """Wait for the end of the server; return why it could not start or go on, if so."""
        self._thread.join()
        self._server = None
        logging.getLogger().removeHandler(self._handler)
        self._handler.close()
        return self._why

    def terminate(self) -> None:
        """Stop in order."""
        if self._server is not None:
            self._server.should_exit = True
            self.wait()

    def kill(self) -> None:
        """Stop, and leave the store, which must be of files, as it was when this was called: as after a kill."""
        killed = self._store.with_name("killed")
        shutil.copytree(self._store, killed)
        self.terminate()
        shutil.rmtree(self._store)
        killed.rename(self._store)

    def close(self) -> None:
        self.client.close()
        self.terminate()
