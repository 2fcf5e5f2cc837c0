"""`realnet watch` of several columns and of JSON events, in this process and by a server."""

import json
from pathlib import Path
from typing import Any

import pytest

from realnet.client import Client
from tests.cli.commands import complaint, realnet
from tests.cli.watching import Watching, watching
from tests.running_server import ThreadServer

__all__ = ["watching"]

ROWS = [f"{1764417600 + 60 * minute},{20 + minute % 7},{3 + minute % 7 / 10},x\n" for minute in range(400)]
TABLE = "when,cpu,memory,host\n" + "".join([*ROWS, "1764441660,24,900,x\n"])
CALLS = [
    {"time": 1764417600 + number, "method": ("GET", "POST")[number % 2], "user": {"name": "anna"}}
    for number in range(600)
]
NEWS = {"time": 1764418200, "method": "DELETE", "user": {"name": "anna"}}
COLUMNS = "--metric", "--column", "cpu,memory", "--time", "when"


def events(path: Path) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in [*CALLS, NEWS]))
    return path


def table(path: Path) -> Path:
    path.write_text(TABLE)
    return path


def told(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in realnet("watch", "--json", *arguments).stdout.splitlines()]


def test_several_columns_are_read_by_name_and_what_is_empty_is_missing(watching: Watching) -> None:
    given = b"when,cpu,memory,host\n1764417600,1,2,a\n1764417660,,4,b\n"
    watching.run(*COLUMNS, "-", given=given)
    assert watching.texts() == [{"cpu": 1.0, "memory": 2.0}, {"cpu": None, "memory": 4.0}]
    assert [row.at for row in watching.seen] == [1764417600.0, 1764417660.0]
    by_place = watching.run("--metric", "--column", "3,2", "-", given=given)
    assert watching.texts()[2] == {"memory": 2.0, "cpu": 1.0}
    assert b"the values are columns memory, cpu, no column is a time" in by_place.stderr


def test_events_of_json_have_their_time_apart(watching: Watching) -> None:
    lines = b'{"a": 1, "ts": 1764417600}\n\n[1]\n{"a": {"b": 2}, "when": "2025-11-29T12:00:01Z"}\n'
    ended = watching.run("--events", "-", given=lines)
    assert [(row.at, row.what) for row in watching.seen] == [
        (1764417600.0, {"a": 1}),
        (None, {"a": {"b": 2}, "when": "2025-11-29T12:00:01Z"}),
    ]
    assert b"line 3 cannot be read: no object of JSON" in ended.stderr
    ended = watching.run("--events", "--time", "when", "-", given=lines)
    assert [(row.at, row.what) for row in watching.seen[2:]] == [(1764417601.0, {"a": {"b": 2}})]
    assert b"line 1 cannot be read: no field when" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--metric", "--events"], "it is one or the other"),
        (["--events", "--column", "a"], "it is of values"),
        (["--metric", "--column", "cpu,cpu"], "a column is named twice"),
        (["--metric", "--column", "cpu,disk"], "no column disk: there are when, cpu, memory, host"),
        (["--metric", "--column", "cpu,memory", "--replay", "p.png"], "it is of lines, or of one value"),
        (["--events", "--replay", "p.png"], "it is of lines, or of one value"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, arguments: list[str], why: str) -> None:
    assert why in complaint("watch", *arguments, str(table(tmp_path / "csv")), status=2)


def test_a_state_is_of_one_kind(tmp_path: Path) -> None:
    kept, path = str(tmp_path / "state"), str(table(tmp_path / "csv"))
    assert realnet("watch", *COLUMNS, "--state", kept, path).returncode == 0
    wrong = complaint("watch", "--metric", "--state", kept, path, status=2)
    assert "is of several columns, not of values" in wrong
    with Path(path).open("a") as file:
        file.write("1764441720,500,3,x\n")
    again = realnet("watch", *COLUMNS, "--state", kept, path)
    assert b"1 rows" in again.stderr


def test_news_says_which_columns_spoke_and_what_was_expected(tmp_path: Path) -> None:
    path = str(table(tmp_path / "csv"))
    (news,) = [each for each in told(*COLUMNS, path) if each["event"]["state"] == "open"]
    assert (news["line"], news["values"]) == (402, {"cpu": 24.0, "memory": 900.0})
    assert 2.5 < news["each"]["memory"]["value"] < 4
    assert "memory: range" in news["why"]
    (shown,) = realnet("watch", *COLUMNS, path).stdout.decode().splitlines()
    assert "memory 900, expected" in shown
    assert "memory: it" in shown


def test_news_of_events_is_the_event(tmp_path: Path) -> None:
    path = str(events(tmp_path / "calls"))
    (news,) = told("--events", path)
    assert news["fields"] == {"method": "DELETE", "user": {"name": "anna"}}
    assert news["line"] == 601
    assert "method=DELETE" in news["why"]


def test_a_server_tells_the_same(server: ThreadServer, tmp_path: Path) -> None:
    paths = {"several": table(tmp_path / "csv"), "events": events(tmp_path / "calls")}
    for kind, options in (("several", COLUMNS), ("events", ("--events",))):
        arguments = *options, str(paths[kind])
        here, there = realnet("watch", *arguments), realnet("watch", "--url", server.url, *arguments)
        assert here.stdout == there.stdout != b""
        assert told(*arguments) == told(*arguments, "--url", server.url, "--stream", f"again {kind}")
    with Client(server.url) as client:
        found = {each.kind: each.rows for each in client.streams.list()}
    assert found == {"several": 401, "events": 601}
    shown = realnet("--url", server.url, "events").stdout.decode()
    assert "memory 900, expected" in shown
