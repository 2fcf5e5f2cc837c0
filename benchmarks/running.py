"""A real server of its own for a benchmark, and what the system says of its process."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

START_SECONDS = 120  # the first start on a machine compiles the kernels


@dataclass(frozen=True)
class Server:
    url: str
    pid: int

    def megabytes(self, of: str = "VmRSS") -> float:
        """Resident memory, now or (`VmHWM`) at its highest."""
        found = re.search(rf"{of}:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return int(found[1]) / 1000

    def cpu_seconds(self) -> float:
        return cpu_seconds_of(self.pid)

    def times_of_threads(self) -> dict[int, tuple[float, float]]:
        """Seconds that each thread has computed, and waited for a core to compute on."""
        found = {}
        for path in Path(f"/proc/{self.pid}/task").iterdir():
            computed, waited, _ = map(int, (path / "schedstat").read_text().split())
            found[int(path.name)] = computed / 1e9, waited / 1e9
        return found

    def handles(self) -> int:
        """Open files and connections."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))


def cpu_seconds_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Client(httpx.Client):
    """What several benchmarks ask of a server."""

    def __init__(self, server: Server) -> None:
        super().__init__(base_url=server.url, timeout=600)

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        return dict(self.post(path, json=body).raise_for_status().json())

    def upload(self, name: str, content: bytes, **fields: str) -> str:
        answer = self.post("/v1/datasets", files={"file": (name, content)}, data=fields).raise_for_status()
        return str(answer.json()["id"])

    def job(self, kind: str, **request: Any) -> dict[str, Any]:
        """What it was when it had ended."""
        return self.end_of(self.ask(f"/v1/jobs/{kind}", **request)["id"])

    def end_of(self, id: str) -> dict[str, Any]:
        """What a job was when it had ended."""
        with self.stream("GET", f"/v1/jobs/{id}/events") as events:
            for _ in events.iter_lines():
                pass
        ended = self.get(f"/v1/jobs/{id}").json()
        assert ended["status"] == "succeeded", ended
        return dict(ended)

    def recall(self, prompt: list[int], tokens: int) -> list[int]:
        asked = {"tokens": prompt, "max_tokens": tokens, "temperature": 0, "fresh": True}
        return list(self.ask("/v1/generate", **asked)["tokens"])


@contextmanager
def running(*flags: str, **settings: object) -> Iterator[Server]:
    """A ready server with default settings, `settings` and `flags`, on an empty store if they name no other."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else the server would outlive a benchmark that is ended
    with tempfile.TemporaryDirectory() as directory:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "service.cli.main",
            "serve",
            "--port",
            str(port),
            "--store",
            f"file://{directory}",
        ]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("REALNET_")}
        given = {"log_level": "warning"} | settings
        environment |= {f"REALNET_{name.upper()}": str(value) for name, value in given.items()}
        with subprocess.Popen([*command, *flags], env=environment) as process:
            try:
                url = f"http://127.0.0.1:{port}"
                wait_until_ready(url, process)
                yield Server(url, process.pid)
            finally:
                process.terminate()


def wait_until_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait for a server that has been started, or end this process."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    sys.exit("the server did not start")
