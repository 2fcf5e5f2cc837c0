"""`realnet dream`, `realnet fit`, `realnet sleep` and `realnet jobs` as a user has them."""

import json
import os
import pty
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import complaint as refused
from tests.cli.commands import realnet, shown, started
from tests.jobs.fits import Child
from tests.running_server import ProcessServer, RunningServer

TEXT = "the net dreams of all that it was told, again and again. " * 40


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return str(path)


def told(lines: str) -> dict[str, str]:
    return dict(re.split("  +", line, maxsplit=1) for line in lines.splitlines())


def done(*arguments: str, url: str) -> dict[str, str]:
    """Return the result that a job prints, which tells on standard error how far it is."""
    ended = realnet(*arguments, url=url)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stderr.decode().splitlines()
    assert all(re.fullmatch(r"job \d{8}, [a-z]+: [A-Za-z ]+, \d+%.*", line) for line in lines)
    assert "succeeded, 100%" in lines[-1]
    return told(ended.stdout.decode())


def complaint(*arguments: str, url: str) -> str:
    """Return the last line of a job that fails; before it, it tells how far it is."""
    ended = realnet(*arguments, url=url)
    assert (ended.returncode, ended.stdout) == (1, b"")
    *lines, last, _ = ended.stderr.decode().split("\n")
    assert all(line.startswith("job ") for line in lines)
    return last


def last_job(server: RunningServer) -> dict[str, Any]:
    return dict(server.client.get("/v1/jobs").json()["data"][-1])


def until_the_last_job(server: RunningServer, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """There may be none yet."""
    deadline = time.monotonic() + 20
    while not (jobs := server.client.get("/v1/jobs").json()["data"]) or not is_so(jobs[-1]):
        assert time.monotonic() < deadline
    return dict(jobs[-1])


def test_a_file_is_dreamt(server: RunningServer, text: str) -> None:
    first = done("dream", text, url=server.url)
    second = done("dream", text, "--epochs", "2", "--validation", "0.2", "--share", "1", url=server.url)
    assert first["epoch"] == "1"
    assert second["epoch"] == "2"
    assert float(second["surprise"]) < float(first["surprise"])
    assert server.client.get("/v1/datasets").json()["data"] == []


def test_a_data_set_that_was_there_or_is_to_stay_stays(server: RunningServer, text: str, tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text(TEXT[:100])
    known = {shown("dataset", "add", text, url=server.url).strip()}
    done("dream", text, url=server.url)
    done("dream", str(tmp_path / "kept.txt"), "--keep", url=server.url)
    left = [each["id"] for each in server.client.get("/v1/datasets").json()["data"]]
    assert len(left) == 2
    assert known < set(left)
    for id in left:
        assert shown("dataset", "delete", id, url=server.url) == f"deleted {id}\n"


def test_columns_of_a_table_are_dreamt(frames_server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b,c,d,e\n" + "0,0.5,1,1,0\n1,0,0,0,1\n" * 20)
    columns = ("--inputs", "a,b,c", "--targets", "d,e")
    assert "accuracy" in done("dream", str(path), *columns, "--input", "held", url=frames_server.url)
    assert "--inputs: " in complaint("dream", str(path), "--inputs", "a,,c", url=frames_server.url)


def test_a_file_of_another_name_is_sent_with_its_format(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# notes that end as no format does\n" * 20)
    assert "--format: " in complaint("dream", str(path), url=server.url)
    assert "accuracy" in done("dream", str(path), "--format", "txt", "--name", "notes", "--keep", url=server.url)
    assert server.client.get("/v1/datasets").json()["data"][-1]["name"] == "notes"


def test_it_sleeps(new_server: Callable[..., RunningServer]) -> None:
    server = new_server(preset="surprise").start()
    server.run(text=TEXT)
    assert int(done("sleep", "--ticks", "1000", url=server.url)["ticks"].replace(",", "")) >= 1000


def test_it_daydreams(server: RunningServer) -> None:
    server.run(text=TEXT)
    asked = ("daydream", "--count", "4", "--length", "20", "--temperature", "0", "the net ", "of all ")
    ended = realnet(*asked, url=server.url)
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout.decode()
    assert "the net |dreams of all" in said
    assert "of 4 talks: " in said
    assert "has no 21 in a row" in refused("daydream", "--length", "20", "--ngram", "21", url=server.url)


def test_a_file_is_fitted(new_server: Callable[..., RunningServer], text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a child that acts the part of the fit's process, which takes seconds to load PyTorch."""
    monkeypatch.setattr("service.jobs.fit.run_process", Child(data=("tokens.npy", len(TEXT))))
    server = new_server(neurons=1000).start()
    before = server.weights()
    result = done("fit", text, "--epochs", "2", "--commit", "replace", url=server.url)
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


@pytest.mark.long
def test_a_job_is_followed_over_a_crash_of_the_server(new_process: Callable[..., ProcessServer], text: str) -> None:
    server = new_process(neurons=1000).start()
    with started("dream", text, "--epochs", "12", "--share", "1", url=server.url) as process:
        until_the_last_job(server, lambda job: job["progress"] > 0)
        server.kill()
        server.start()
        out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert told(out.decode())["epoch"] == "12"


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
    job = last_job(server)["id"]
    for arguments in (["jobs", "show", job], ["jobs", "cancel", job]):
        assert "realnet serve" in refused(*arguments)


@pytest.mark.long
def test_jobs_are_listed_shown_followed_and_cancelled(server: RunningServer, text: str) -> None:
    with started("dream", text, "--epochs", "10000", "--share", "1", url=server.url) as process:
        id = until_the_last_job(server, lambda job: job["status"] == "running")["id"]
        with started("jobs", "follow", id, url=server.url) as follower:
            assert follower.stderr is not None
            assert follower.stderr.readline().startswith(f"job {id}, dream: running, ".encode())
            follower.send_signal(signal.SIGINT)
            assert follower.wait() == 130
        table = shown("jobs", "list", url=server.url).splitlines()
        assert table[0].split() == ["id", "kind", "status", "done", "created"]
        assert table[-1].split()[:3] == [id, "dream", "running"]
        assert shown("jobs", "cancel", id, url=server.url) == f"{id}: cancelled\n"
        process.communicate(timeout=30)
    fields = told(shown("jobs", "show", id, url=server.url))
    assert (fields["kind"], fields["status"]) == ("dream", "cancelled")
    assert "epochs 10,000" in fields["asked for"]
    listed = json.loads(shown("jobs", "list", "--json", url=server.url))
    assert listed[-1] == json.loads(shown("jobs", "show", id, "--json", url=server.url)) == last_job(server)
    assert complaint("jobs", "follow", id, url=server.url) == f"realnet: job {id} was cancelled"
