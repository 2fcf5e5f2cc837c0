"""`realnet watch`: the forms of lines and of rows, the times in them, and what is said of those that are wrong."""

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from service.cli.watching.times import split_time, time_of
from tests.cli.commands import complaint
from tests.cli.watching import Watching, watching

__all__ = ["watching"]

NOON = 1764417601.0  # 2025-11-29 12:00:01 UTC


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("2025-11-29T12:00:01Z ", NOON),
        ("2025-11-29 13:00:01 ", NOON),  # the time here
        ("2025-11-29T12:00:01.250+00:00 ", NOON + 0.25),
        ("2025-11-29 13:00:01,250 ", NOON + 0.25),
        ("2025-11-29 12:00:01.5 UTC ", NOON + 0.5),
        ("<34>1 2025-11-29T12:00:01Z ", NOON),
        ("1764417601 ", NOON),
        ("[1764417601.5] ", NOON + 0.5),
        ("[2025-11-29 13:00:01]: ", NOON),
    ],
)
def test_the_time_at_the_beginning_of_a_line_is_no_part_of_it(time: str, seconds: float) -> None:
    assert split_time(f"{time}[7] job 1 of 2 (x) failed") == (seconds, "[7] job 1 of 2 (x) failed")


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("level=info ts=2025-11-29T07:00:01-0500 msg=x", NOON),
        ('{"ts":1764417601500}', NOON + 0.5),
        ('127.0.0.1 - - [29/Nov/2025:12:00:01 +0000] "GET / HTTP/1.1"', NOON),
        ("2025-11-29T12:00:01Z", NOON),
        ("order 1764417601 shipped", None),
        ("no time at 12:00, order 17644176011234", None),
        ("2025-02-31 12:00:01 no such day", None),
        ("a" * 200 + " 2025-11-29T12:00:01Z", None),
    ],
)
def test_the_time_elsewhere_in_a_line_stays_in_it(line: str, seconds: float | None) -> None:
    assert split_time(line) == (seconds, line)


@pytest.mark.parametrize("days", [0, 3, 300])
def test_a_time_without_a_year_is_of_the_last_twelve_months(days: int) -> None:
    when = datetime.now().replace(microsecond=0) - timedelta(days=days)
    line = f"<13>{when:%b} {when.day:2} {when:%H:%M:%S} host kernel: x"
    assert split_time(line) == (when.timestamp(), "host kernel: x")


@pytest.mark.parametrize("cell", ["2025-11-29", "2025-11-29 12:00", "1764417601", " 2014-04-10 00:04:00 "])
def test_a_cell_is_a_time(cell: str) -> None:
    assert time_of(cell) > 1e9


@pytest.mark.parametrize("cell", ["", "12", "20251129", "1.5", "x", "2025-11-29 25:00:00", "12:00"])
def test_a_cell_is_no_time(cell: str) -> None:
    with pytest.raises(ValueError, match="no time"):
        time_of(cell)


def entry(message: object, **others: object) -> bytes:
    fields = {"__REALTIME_TIMESTAMP": "1764417601500000", "MESSAGE": message, **others}
    return json.dumps(fields).encode() + b"\n"


def test_journald_s_entries_are_read(watching: Watching) -> None:
    given = entry("Started", SYSLOG_IDENTIFIER="systemd") + entry([104, 105, 255]) + entry(None) + entry("one\ntwo")
    given += b"no JSON\n" + entry({"a": 1}) + b'{"MESSAGE":"x"}\n'
    ended = watching.run("-", given=given)
    assert [(row.at, row.what) for row in watching.seen] == [
        (NOON + 0.5, text) for text in ("systemd: Started", "hi�", "one\ntwo")
    ]
    assert [line.partition(": ")[2] for line in ended.stderr.decode().splitlines() if "cannot" in line] == [
        "line 5 cannot be read: no object of JSON",
        "line 6 cannot be read: no text in MESSAGE",
        "line 7 cannot be read: no __REALTIME_TIMESTAMP",
    ]
    assert b"; 3 rows could not be read" in ended.stderr


def test_docker_s_entries_are_read(watching: Watching) -> None:
    given = b'{"log":"ready\\n","stream":"stdout","time":"2025-11-29T12:00:01.500000000Z"}\n'
    given += (
        b'{"log":"\\n","stream":"stdout","time":"2025-11-29T12:00:01.5Z"}\n{"log":"x","time":"never"}\n{"log":"x"\n'
    )
    ended = watching.run("-", given=given)
    assert [(row.at, row.what) for row in watching.seen] == [(NOON + 0.5, "ready")]
    assert b"line 3 cannot be read: no time: 'never'" in ended.stderr
    assert b"line 4 cannot be read: no JSON" in ended.stderr


def test_other_json_is_a_line(watching: Watching) -> None:
    line = '{"level":"info","ts":"2025-11-29T12:00:01Z","log":"x"}'
    watching.run("-", given=line.encode() + b"\n")
    assert [(row.at, row.what) for row in watching.seen] == [(NOON, line)]


TABLE = b"host,when,load,1m\na,2025-11-29T12:00:01Z,0.5,7\nb,2025-11-29T12:00:02Z,0.25,8\n"


@pytest.mark.parametrize(
    ("given", "arguments", "rows", "said"),
    [
        (TABLE, [], [(NOON, 0.5), (NOON + 1, 0.25)], "the value is column load, the time is column when"),
        (TABLE, ["--column", "1m"], [(NOON, 7.0), (NOON + 1, 8.0)], "the value is column 1m, the time is column when"),
        (TABLE, ["--column", "4", "--time", "when"], [(NOON, 7.0), (NOON + 1, 8.0)], None),
        (TABLE.replace(b",", b";"), ["--time", "2"], [(NOON, 0.5), (NOON + 1, 0.25)], "the value is column load"),
        (b"\xef\xbb\xbftime\tx\n1764417601\t3\n", [], [(NOON, 3.0)], "the time is column time"),
        (b"memory,x\n1764417601,3\n", [], [(None, 1764417601.0)], "no column is a time"),
        (b"1764417601,3\n1764417602,4\n", [], [(NOON, 3.0), (NOON + 1, 4.0)], "column 2, the time is column 1"),
        (b"1764417601 3\n1764417602  4\n", [], [(NOON, 3.0), (NOON + 1, 4.0)], "column 2, the time is column 1"),
        (b'name,x\n"a, b", 1\n"c ""d""",2\n', [], [(None, 1.0), (None, 2.0)], "no column is a time"),
        (b"3\n-1e3\n\n0.5\r\n", [], [(None, 3.0), (None, -1000.0), (None, 0.5)], None),
        (b"load\n3\n", [], [(None, 3.0)], None),
    ],
)
def test_values_are_found(
    watching: Watching, given: bytes, arguments: list[str], rows: list[tuple[float | None, float]], said: str | None
) -> None:
    ended = watching.run("--metric", *arguments, "-", given=given)
    assert ended.returncode == 0
    assert [(row.at, row.what) for row in watching.seen] == rows
    assert ("the value is" in ended.stderr.decode()) == (said is not None)
    assert (said or "") in ended.stderr.decode()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,2025-11-29T12:00:03Z,x,7", "no number: 'x'"),
        ("a,2025-11-29T12:00:03Z,,7", "no value: --missing says what to do with such rows"),
        ("a,2025-11-29T12:00:03Z,nan,7", "no value: --missing says what to do with such rows"),
        ("a,2025-11-29T12:00:03Z,inf,7", "no number: 'inf'"),
        ("a,later,1,7", "no time: 'later'"),
        ("a,2025-11-29T12:00:03Z,1", "3 columns, not 4"),
        ("a,2025-11-29T12:00:00Z,1,7", "the time goes back"),
    ],
)
def test_a_row_that_is_wrong_is_named_and_passed_by(watching: Watching, row: str, said: str) -> None:
    given = TABLE + row.encode() + b"\nc,2025-11-29T12:00:04Z,4,7\n"
    ended = watching.run("--metric", "-", given=given)
    assert ended.returncode == 0
    assert f"-: line 4 cannot be read: {said}\n" in ended.stderr.decode()
    assert "; 1 rows could not be read" in ended.stderr.decode()
    assert watching.texts() == [0.5, 0.25, 4.0]


def test_a_missing_value_is_handed_on_if_it_may_be(watching: Watching) -> None:
    ended = watching.run("--metric", "--missing", "skip", "-", given=b"x\n1\nNaN\n-\n2\nwrong\n")
    assert [str(each) for each in watching.texts()] == ["1.0", "nan", "nan", "2.0"]
    assert b"line 6 cannot be read: no number: 'wrong'" in ended.stderr


def test_many_wrong_rows_are_counted(watching: Watching) -> None:
    ended = watching.run("--metric", "-", given=b"1\n" + b"x\n" * 30)
    assert ended.returncode == 0
    assert ended.stderr.count(b"cannot be read: no number") == 20
    assert b"-: more lines cannot be read: they are counted\n" in ended.stderr
    assert b"; 30 rows could not be read" in ended.stderr


@pytest.mark.parametrize(
    ("given", "said"), [(b"y\n" + b"x\n" * 8, "none of its 8"), (b"y\n" + b"x\n" * 20, "none of its first 10")]
)
def test_a_file_without_any_row_is_refused(watching: Watching, tmp_path: Path, given: bytes, said: str) -> None:
    ended = watching.run("--metric", "--state", str(tmp_path / "state"), "-", given=given)
    assert ended.returncode == 2
    *_, last = ended.stderr.decode().splitlines()
    assert last.startswith(f"realnet: Invalid value for FILE: -: {said} rows can be read")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("flag", ["--column", "--time"])
def test_a_column_that_is_not_there_is_told(watching: Watching, tmp_path: Path, flag: str) -> None:
    (tmp_path / "x.csv").write_bytes(TABLE)
    said = complaint("watch", "--metric", flag, "cpu", str(tmp_path / "x.csv"), status=2)
    assert f"{flag}: no column cpu: there are host, when, load, 1m" in said


def test_the_columns_of_a_state_go_on_in_the_middle_of_a_file(watching: Watching, tmp_path: Path) -> None:
    path, state = tmp_path / "x.csv", str(tmp_path / "state")
    path.write_bytes(TABLE)
    watching.run("--metric", "--column", "1m", "--state", state, str(path))
    with path.open("ab") as file:
        file.write(b"c,2025-11-29T12:00:03Z,9,9.5\n")
    watching.run("--metric", "--state", state, str(path))
    path.write_bytes(TABLE.replace(b"T12", b"T13"))
    watching.run("--metric", "--state", state, str(path))
    assert watching.texts() == [7, 8, 9.5, 7, 8]
    ended = watching.run("--metric", "--state", state, "--column", "load", str(path))
    assert b"Invalid value for --column, --time: in the state they are others" in ended.stderr


@pytest.mark.parametrize(
    ("more", "values"),
    [
        (b"a,2025-11-29T13:00:00Z,1,10\n", [0.5, 0.25, 1]),  # no header
        (b"a,2025-11-29T13:00:00Z,,10\na,2025-11-29T13:00:00Z,1,10\n", [0.5, 0.25, 1]),
        (b"load;when\n1;2025-11-29T13:00:00Z\n", [0.5, 0.25, 1]),
    ],
)
def test_a_file_that_takes_the_place_of_another_may_have_another_header(
    watching: Watching, tmp_path: Path, more: bytes, values: list[float]
) -> None:
    path, state = tmp_path / "x.csv", str(tmp_path / "state")
    for data in (TABLE, more):
        path.write_bytes(data)
        watching.run("--metric", "--column", "load", "--state", state, str(path))
    assert watching.texts() == values
    watching.run("--metric", "--column", "load", "--state", state, "-", given=TABLE)
    assert b"could not be read" not in watching.run("--metric", "--state", state, "-", given=b"load\n3\n").stderr
    assert watching.texts() == [*values, 0.5, 0.25, 3]
