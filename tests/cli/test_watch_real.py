"""`realnet watch` in a process of its own, with the detectors that there are."""

import json
import signal
from pathlib import Path

from tests.cli.commands import NOWHERE, realnet, started

USUAL = [
    f"2025-11-29T12:{minute:02}:{second:02}Z sshd[7]: session {minute} opened for user root by cron\n"
    for minute in range(10)
    for second in range(60)
]


def test_a_log_is_watched_over_a_rotation_and_a_new_start(tmp_path: Path) -> None:
    path, state = tmp_path / "auth.log", tmp_path / "state"
    path.write_text("".join(USUAL))
    with started("watch", "--follow", "--json", "--state", str(state), str(path), url=NOWHERE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while b"from now on" not in process.stderr.readline():
            pass
        path.rename(tmp_path / "auth.log.1")
        path.write_text("2025-11-29T12:10:00Z kernel: oops, the disk is on fire at 0xdeadbeef\n")
        event = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert (event["line"], event["at"], event["event"]) == (1, "2025-11-29T12:10:00Z", {"number": 1, "state": "open"})
    assert event["score"] >= 0.5
    assert event["text"].endswith("0xdeadbeef")
    with path.open("a") as file:
        file.write("2025-11-29T12:10:01Z kernel: oops, the disk is on fire at 0xdeadc0de\n")
        file.write("2025-11-29T12:10:02Z postfix: no space is left for the queue\n")
    [line] = realnet("watch", "--json", "--state", str(state), str(path)).stdout.splitlines()
    assert (json.loads(line)["line"], json.loads(line)["event"]["number"]) == (3, 2)


def test_values_are_watched_and_gone_on_with(tmp_path: Path) -> None:
    path, state = tmp_path / "load.csv", tmp_path / "state"
    rows = [f"{1764417600 + 60 * minute},{20 + minute % 7}\n" for minute in range(400)]
    path.write_text("time,load\n" + "".join(rows[:300]) + "1764435600,500\n")
    arguments = "watch", "--metric", "--json", "--state", str(state), str(path)
    ended = realnet(*arguments)
    event = json.loads(ended.stdout.splitlines()[0])
    assert (ended.returncode, event["line"], event["value"], event["event"]["state"]) == (0, 302, 500.0, "open")
    assert event["low"] <= event["expected"] <= event["high"]
    with path.open("a") as file:
        file.write("".join(rows[301:]))
    [closed] = realnet(*arguments).stdout.splitlines()
    assert json.loads(closed)["event"] == {"number": 1, "state": "closed"}
    assert realnet(*arguments, "--direction", "up", "--quiet", "--min-change", "3").returncode == 0
    ended = realnet(*arguments, "--min-change", "-3")
    assert ended.returncode == 2
    assert b"min_change is -3.0" in ended.stderr
    path.write_bytes(b"time,load\n1764417600,20\n")
    assert b"the time goes back" in realnet(*arguments).stderr
