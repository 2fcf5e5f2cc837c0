"""`realnet dream`, `realnet fit` and `realnet sleep` as a user has them."""

import os
import pty
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import complaint, shown, started
from tests.running_server import ProcessServer, RunningServer

TEXT = "the net dreams of all that it was told, again and again. " * 40


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return str(path)


def told(lines: str) -> dict[str, str]:
    return {line[:22].strip(): line[22:] for line in lines.splitlines()}


def last_job(server: RunningServer) -> dict[str, Any]:
    return dict(server.client.get("/v1/jobs").json()["data"][-1])


def until_the_last_job(server: RunningServer, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """There may be none yet."""
    deadline = time.monotonic() + 20
    while not (jobs := server.client.get("/v1/jobs").json()["data"]) or not is_so(jobs[-1]):
        assert time.monotonic() < deadline
    return dict(jobs[-1])


def test_a_file_is_dreamt(server: RunningServer, text: str) -> None:
    first = told(shown("dream", text, url=server.url))
    second = told(shown("dream", text, "--epochs", "2", "--validation", "0.2", "--share", "1", url=server.url))
    assert first["epoch"] == "1"
    assert second["epoch"] == "2"
    assert float(second["surprise"]) < float(first["surprise"])
    assert len(server.client.get("/v1/datasets").json()["data"]) == 1


def test_columns_of_a_table_are_dreamt(frames_server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b,c,d,e\n" + "0,0.5,1,1,0\n1,0,0,0,1\n" * 20)
    columns = ("--inputs", "a,b,c", "--targets", "d,e")
    assert "accuracy" in told(shown("dream", str(path), *columns, "--input", "held", url=frames_server.url))
    assert "--inputs: " in complaint("dream", str(path), "--inputs", "a,,c", url=frames_server.url)


def test_a_file_of_another_name_is_sent_with_its_format(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# notes that end as no format does\n" * 20)
    assert "--format: " in complaint("dream", str(path), url=server.url)
    assert "accuracy" in told(shown("dream", str(path), "--format", "txt", "--name", "notes", url=server.url))
    assert server.client.get("/v1/datasets").json()["data"][-1]["name"] == "notes"


def test_it_sleeps(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(preset="surprise").start()
    server.run(text=TEXT)
    assert int(told(shown("sleep", "--ticks", "1000", url=server.url))["ticks"].replace(",", "")) >= 1000


def test_a_file_is_fitted(new_server: Callable[..., RunningServer], text: str) -> None:
    server = new_server(neurons=1000).start()
    before = server.weights()
    result = told(shown("fit", text, "--epochs", "2", "--commit", "replace", url=server.url))
    assert result["committed"] == "yes"
    assert result["after"].startswith("loss ")
    assert server.weights() != before


def test_a_job_that_fails_says_why(server: RunningServer, text: str) -> None:
    server.client.patch("/v1/net", json={"plasticity": False}).raise_for_status()
    line = complaint("dream", text, url=server.url)
    server.client.patch("/v1/net", json={"plasticity": True}).raise_for_status()
    assert f"job {last_job(server)['id']} has failed: plasticity is off" in line


def test_a_terminal_shows_progress_and_ctrl_c_cancels(server: RunningServer, text: str) -> None:
    outside, inside = pty.openpty()
    with started("dream", text, "--epochs", "10000", "--share", "1", url=server.url, stderr=inside) as process:
        screen = b""
        while b"running" not in screen or b"accuracy" not in screen:
            screen += os.read(outside, 1000)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.read() == b""
        assert process.wait() == 130
    os.close(inside)
    os.close(outside)
    assert last_job(server)["status"] == "cancelled"


def test_a_job_is_followed_over_a_crash_of_the_server(new_process: Callable[..., ProcessServer], text: str) -> None:
    server = new_process(neurons=1000).start()
    with started("dream", text, "--epochs", "30", "--share", "1", url=server.url) as process:
        until_the_last_job(server, lambda job: job["progress"] > 0)
        server.kill()
        server.start()
        out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, b"")
    assert told(out.decode())["epoch"] == "30"


def test_a_job_that_was_cancelled_by_others_has_failed(server: RunningServer, text: str) -> None:
    with started("dream", text, "--epochs", "10000", url=server.url) as process:
        job = until_the_last_job(server, lambda job: job["status"] == "running")
        server.client.post(f"/v1/jobs/{job['id']}/cancel")
        out, error = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, b"")
    assert error.endswith(b" was cancelled\n")


def test_what_is_wrong_is_told_in_one_line(server: RunningServer, text: str, tmp_path: Path) -> None:
    assert "No such file" in complaint("dream", str(tmp_path / "nothing.txt"), url=server.url)
    (tmp_path / "bad.jsonl").write_text('{"text": "good"}\n{"text": 3}\n')
    assert "line 2" in complaint("fit", str(tmp_path / "bad.jsonl"), url=server.url)
    for arguments in (["dream", text], ["fit", text], ["sleep"]):
        assert "realnet serve" in complaint(*arguments)
