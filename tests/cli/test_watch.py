"""`realnet watch`: what it prints of events, how it ends, and what it refuses."""

import json
import os
import pty
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from realnet.streams.told import Told
from service.cli.watching import judges
from tests.api.asking import until
from tests.cli.commands import complaint, environment
from tests.cli.simple_detector import Row, SimpleDetector
from tests.cli.watching import Watching, watching

__all__ = ["watching"]

LOG = """2026-11-29T12:00:00Z sshd[1]: usual
2026-11-29T12:00:01Z sshd[1]: usual
2026-11-29T12:00:02Z sshd[1]: usual
2026-11-29T12:00:03Z sshd[1]: this is news
2026-11-29T12:00:04Z sshd[1]: this is more news
2026-11-29T12:00:05Z sshd[1]: it is over
no time, and news
"""
WHY = "it was never so far, other signal  nearest: what is usual"
VALUES = "at,host,value\n" + "".join(
    f"2026-11-29 12:{minute:02}:00,a,{value}\n" for minute, value in enumerate([5, 5, 5, 5, 123456.5, 0, 5])
)


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_events_of_a_log_are_printed_and_nothing_else(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LOG)
    ended = watching.run(str(tmp_path / "log"))
    assert ended.returncode == 0
    assert ended.stdout.decode().splitlines() == [
        f"2026-11-29 12:00:03  #1  0.80  sshd[1]: this is news  {WHY}",
        f"2026-11-29 12:00:04  #1  0.80  worse  sshd[1]: this is more news  {WHY}",
        "2026-11-29 12:00:05  #1  is over",
        f"line 7               #2  0.80  no time, and news  {WHY}",
    ]
    [summary] = ended.stderr.decode().splitlines()
    assert summary.startswith("7 rows in ")
    assert summary.endswith(" a second), 2 events (500 in 1,000 rows)")


def test_events_of_values_tell_what_was_expected(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "cpu.csv").write_text(VALUES)
    ended = watching.run("--metric", "--explain", str(tmp_path / "cpu.csv"))
    assert ended.stdout.decode().splitlines() == [
        "2026-11-29 12:04:00  #1  0.80  123,456, expected 1 to 9.5  it was never so far, other signal",
        "    15.1 bits: range 15.0 · other signal 9.0 · jump 0.5; expected: 5.25",
        "2026-11-29 12:05:00  #1  is over",
    ]
    chosen, summary = ended.stderr.decode().splitlines()
    assert chosen.endswith(
        "cpu.csv: the value is column value, the time is column at (--column and --time name others)"
    )
    assert summary.startswith("7 rows in ")


def test_an_event_as_json(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LOG)
    first, *others = watching.run("--json", str(tmp_path / "log")).stdout.splitlines()
    assert json.loads(first) == {
        "stream": str(tmp_path / "log"),
        "line": 4,
        "at": "2026-11-29T12:00:03Z",
        "score": 0.8,
        "bits": 15.1,
        "expected": "what is usual",
        "text": "sshd[1]: this is news",
        "why": {"range": 15.0, "other_signal": 9.0, "jump": 0.5},
        "event": {"number": 1, "state": "open"},
    }
    assert [json.loads(each)["event"]["state"] for each in others] == ["worse", "closed", "open"]
    [event, _] = watching.run("--json", "--metric", "-", given=b"5\n5\n5\n101.5\n0\n").stdout.splitlines()
    told = json.loads(event)
    assert (told["line"], told["at"], told["value"], told["expected"]) == (4, None, 101.5, 5.25)
    assert (told["low"], told["high"]) == (1.0, 9.5)


def test_the_first_event_ends_it_and_the_next_run_goes_on_behind_it(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LOG)
    arguments = "--exit-on-event", "--state", str(tmp_path / "state"), str(tmp_path / "log")
    told = [watching.run(*arguments) for _ in range(4)]
    assert [each.returncode for each in told] == [3, 3, 3, 0]
    assert [each.stdout.count(b"\n") for each in told] == [1, 1, 2, 0]
    assert watching.texts() == [line.partition("Z ")[2] or line for line in LOG.splitlines()]


def test_several_files_have_a_detector_each(watching: Watching, tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in ("one", "two")]
    (tmp_path / "one").write_text("a\na\na\nnews of one\n")
    (tmp_path / "two").write_text("a\na\nnews that is too early\nnews of two\n")
    ended = watching.run(*names)
    lines = ended.stdout.decode().splitlines()
    assert sorted(line.split("  it was")[0] for line in lines) == [
        f"line 4               {names[0]}  #1  0.80  news of one",
        f"line 4               {names[1]}  #1  0.80  news of two",
    ]
    assert [line.split(": ")[0] for line in ended.stderr.decode().splitlines()] == names


def test_what_is_warming_up_is_told(watching: Watching) -> None:
    ended = watching.run("-", given=b"a\nnews\n")
    assert ended.stdout == b""
    start, summary = ended.stderr.decode().splitlines()
    assert start.startswith("-: nothing is told of the first 3 rows, by which it learns what is usual; tail -n +1 -F")
    assert summary.endswith("; nothing is told before 1 more rows have come")
    assert b"-: it knows what is usual: news is told from now on\n" in watching.run("-", given=b"a\na\na\n").stderr


def test_an_event_on_a_terminal_fits_it_and_has_a_colour(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a\na\na\nnews \033[2J" + "long " * 50 + "\n")
    outside, inside = pty.openpty()
    program = (
        "from service.cli.watching import detectors; from tests.cli.simple_detector import simple_kind, SimpleDetector;"
        "detectors.kind_of = simple_kind; SimpleDetector.seen = []; from service.cli.main import main; main()"
    )
    variables = environment("http://127.0.0.1:1") | {"COLUMNS": "90", "TERM": "xterm-256color"}
    command = [sys.executable, "-c", program, "watch", str(tmp_path / "log")]
    with Popen(command, env=variables, stdout=inside, stderr=PIPE) as process:
        screen = b""
        while not screen.endswith(b"\n"):
            screen += os.read(outside, 1000)
        assert process.wait() == 0
    os.close(inside)
    os.close(outside)
    line = screen.decode()
    assert "\033[1;31m0.80\033[0m" in line
    assert "news �[2Jlong" in line
    assert "…" in line
    assert line.endswith("it was never so far, other signal\033[0m\r\n")


def test_kernels_that_are_compiled_are_told_of(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    is_said, run = threading.Event(), SimpleDetector.run

    def run_slowly(detector: SimpleDetector, rows: list[Row]) -> list[Told]:
        assert detector.remaining == 0 or is_said.wait(10)
        return run(detector, rows)

    def timer(_: float, say: Callable[[str], None], arguments: list[str]) -> threading.Timer:
        def say_it() -> None:
            say(*arguments)
            is_said.set()

        return threading.Timer(0, say_it)

    monkeypatch.setattr(SimpleDetector, "run", run_slowly)
    monkeypatch.setattr(judges, "Timer", timer)
    assert b"compiling the kernels, once on this machine" in watching.run("-", given=b"a\na\na\na\n").stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-", "--column", "x"], "--column: it is of values: --metric"),
        (["-", "--direction", "up"], "--direction: it is of values: --metric"),
        (["-", "--eager", "--quiet"], "one or the other"),
        (["-", "--eager", "--budget", "1"], "one or the other"),
        (["-", "--follow"], "standard input is followed anyway"),
        (["log.gz", "--follow"], "does not grow"),
        (["-", "-"], "- is given twice"),
        (["-", "--budget", "-1"], "budget is negative"),
        (["-", "--state", "/no/such/folder/state"], "there is no folder /no/such/folder"),
    ],
)
def test_wrong_usage_is_told(watching: Watching, arguments: list[str], said: str) -> None:
    assert said in complaint("watch", *arguments, status=2)


def test_a_file_that_is_not_there_is_told(watching: Watching, tmp_path: Path) -> None:
    assert complaint("watch", str(tmp_path / "log")) == f"realnet: {tmp_path / 'log'}: No such file or directory"


def test_options_reach_the_detector_also_of_a_state(watching: Watching, tmp_path: Path) -> None:
    state, out = str(tmp_path / "state"), b"5\n5\n5\n"
    for arguments in (["--quiet", "--direction", "up", "--min-change", "3"], ["--missing", "zero"]):
        assert watching.run("--metric", "--state", state, *arguments, "-", given=out).returncode == 0
    assert b"min_change" in (tmp_path / "state").read_bytes()
    assert b'"zero' in (tmp_path / "state").read_bytes()


def test_sigterm_ends_it_like_ctrl_c(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a\n")
    arguments = "--follow", "--state", str(tmp_path / "state"), str(tmp_path / "log")
    ended = watching.run_until(lambda: until(lambda: len(watching.seen) == 1), *arguments, ends=signal.SIGTERM)
    assert ended.returncode == 130
    assert (tmp_path / "state").exists()
