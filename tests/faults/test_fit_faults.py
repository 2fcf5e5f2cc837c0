"""Fits that are killed: their process, the server in every state of the job; and cancelled."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from realnet import Checkpoint
from tests.faults.story import NEURONS
from tests.jobs.client import begin, end_of, until_it_runs, upload
from tests.running_server import ProcessServer

TEXT = "the cat sat on the mat, and the dog sat on the log, and nobody sat on the hog; " * 40
LONG = {"epochs": 10_000}
SHORT = {"epochs": 4, "commit": "replace"}  # some seconds
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it looks for processes in /proc")


def children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        if parent == pid:
            found.append(int(stat.parent.name))
    return found


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def has_ended(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def files_of_fits(directory: Path) -> list[Path]:
    return list(directory.rglob(".job-*"))


def status(server: ProcessServer, id: str) -> str:
    return str(server.client.get(f"/v1/jobs/{id}").json()["status"])


def test_the_process_of_a_fit_is_of_low_priority(new_process: Callable[..., ProcessServer]) -> None:
    server = new_process(neurons=NEURONS)
    server.command = (sys.executable, "-m", "service.cli.main", "serve")  # not as for tests
    server.start()
    begin(server, "fit", dataset=upload(server, "text.txt", TEXT), **LONG)
    until(lambda: [os.getpriority(os.PRIO_PROCESS, process) for process in children(server.pid)] == [19])
    [process] = children(server.pid)
    group = Path(f"/proc/{process}/autogroup")
    until(lambda: not group.exists() or group.read_text().endswith(" nice 19\n"))


@pytest.mark.long
def test_a_fit_is_killed_or_cancelled_and_nothing_has_been(
    new_process: Callable[..., ProcessServer], tmp_path: Path
) -> None:
    server = new_process(neurons=NEURONS).start()
    server.run(text=TEXT[:1000])
    dataset, before = upload(server, "text.txt", TEXT), server.net(hash="true")["state_sha256"]

    killed = begin(server, "fit", dataset=dataset, **LONG)
    until_it_runs(server, killed)
    [process] = children(server.pid)
    os.kill(process, signal.SIGTERM)  # is for the server
    os.kill(process, signal.SIGKILL)
    job = end_of(server, killed)
    assert (job["status"], job["error"]["type"]) == ("failed", "/problems/job-failed")
    assert job["error"]["detail"] == "the fit's process: killed by signal 9"

    cancelled = begin(server, "fit", dataset=dataset, **LONG)
    until_it_runs(server, cancelled)
    [process] = children(server.pid)
    asked_at = time.monotonic()
    assert server.client.post(f"/v1/jobs/{cancelled}/cancel").json()["status"] == "cancelled"
    assert time.monotonic() - asked_at < 1.0
    until(lambda: has_ended(process))
    assert files_of_fits(tmp_path) == []
    assert server.net(hash="true")["state_sha256"] == before


@pytest.mark.long
def test_the_server_is_killed_in_every_state(new_process: Callable[..., ProcessServer], tmp_path: Path) -> None:
    server = new_process(neurons=NEURONS).start()
    dataset = upload(server, "text.txt", TEXT)
    fit = begin(server, "fit", dataset=dataset, **SHORT)
    waiting = begin(server, "fit", dataset=dataset, **LONG)
    until_it_runs(server, fit)
    [process] = children(server.pid)
    server.kill()
    until(lambda: has_ended(process))  # nobody else ends it
    assert files_of_fits(tmp_path) == []
    server.start()
    assert status(server, fit) in ("queued", "running")
    assert status(server, waiting) == "queued"
    server.run(text="it has learnt something since")
    weights = server.weights()
    until(lambda: server.weights() != weights, 120)
    weights = server.weights()
    server.kill()  # right after it came home
    server.start()
    assert server.weights() == weights
    job = end_of(server, fit)
    assert (job["status"], job["result"]["committed"]) == ("succeeded", True)
    fork, fitted = (
        server.client.get(f"/v1/snapshots/{job['result'][name]}/data").content for name in ("fork", "snapshot")
    )
    assert Checkpoint.from_bytes(fork).tick == 0  # it began again from its fork
    assert Checkpoint.from_bytes(fitted).weights_sha256() == weights
    assert server.client.post(f"/v1/jobs/{waiting}/cancel").json()["status"] == "cancelled"
    assert server.weights() == weights
    assert "Traceback" not in server.log
