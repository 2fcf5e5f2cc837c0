"""`realnet watch --replay`: a picture of a whole file, in which no event is missing."""

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from realnet.streams.told import Event, Told
from service.cli.watching.seen import Seen
from tests.cli.commands import complaint
from tests.cli.watching import Watching, watching

__all__ = ["watching"]


def texts(picture: Path) -> list[str]:
    """Return the texts of an SVG."""
    return ["".join(each.itertext()) for each in ElementTree.parse(picture).iter() if each.tag.endswith("}text")]


def test_values_are_drawn_with_what_was_expected_and_events(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "cpu.csv").write_text(
        "at,load\n"
        + "".join(
            f"2026-11-29 12:{minute:02}:00,{value}\n" for minute, value in enumerate([5, 5, 5, 5, 150, 160, 0, 5])
        )
    )
    told = watching.run("--metric", str(tmp_path / "cpu.csv"))
    ended = watching.run("--metric", str(tmp_path / "cpu.csv"), "--replay", str(tmp_path / "cpu.svg"))
    assert (ended.returncode, ended.stdout) == (0, told.stdout)
    assert ended.stderr.decode().splitlines()[-1] == f"{tmp_path / 'cpu.svg'} shows it"
    shown = texts(tmp_path / "cpu.svg")
    assert {"no news", "expected", "value", "open", "worse", "nothing is told yet", "score"} <= set(shown)
    assert f"{tmp_path / 'cpu.csv'}: 8 rows, 1 events" in shown
    assert shown.count("#1") == 2  # it opened, and got worse
    assert any(each.startswith("time (") for each in shown)


def test_lines_are_drawn_by_how_new_they_are_and_the_loudest_are_named(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a\n" * 20 + "news of $x^2$ and 漢\n" + "2026-11-29T12:00:00Z it is over\n")
    ended = watching.run(str(tmp_path / "log"), "--replay", str(tmp_path / "log.svg"))
    assert len(ended.stderr.splitlines()) == 2
    shown = texts(tmp_path / "log.svg")
    [named] = [each for each in shown if "news of" in each]
    assert named.split() == ["#1", "0.80", "line", "21", "news", "of", "$x^2$", "and", "漢"]
    assert "line" in shown
    watching.run(str(tmp_path / "log"), "--replay", str(tmp_path / "log.PNG"))
    assert (tmp_path / "log.PNG").read_bytes().startswith(b"\x89PNG")


def test_no_row_vanishes_from_a_long_stream() -> None:
    seen = Seen()
    for row in range(1, 10_001):
        value, event = (1e3, Event(1, "open")) if row == 7777 else (row % 5, None)
        score = 0.9 if event else 0.1
        seen.add(row, float(value), Told(row, float(row), row > 150, score, 0.0, {}, 2.0, 0.0, 4.0, event))
    assert seen.each == 8
    assert len(seen.columns) == 1250
    [loud] = [column for column in seen.columns if column.score > 0.5]
    assert (loud.line, loud.least, loud.most) == (7777 - 7776 % 8, 0.0, 1e3)
    assert [column.most for column in seen.columns].count(4.0) == 1249
    assert (seen.rows, seen.events, seen.marks[0].what) == (10_000, 1, 1e3)
    assert seen.has_times


def test_a_picture_that_cannot_be_drawn_is_told_before_anything_is_read(
    watching: Watching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log").write_text("a\n")
    log = str(tmp_path / "log")
    assert "ends neither in .png nor in .svg" in complaint("watch", log, "--replay", "a.jpg", status=2)
    assert "there is no folder" in complaint("watch", log, "--replay", "/no/such/folder/a.png", status=2)
    assert "one FILE" in complaint("watch", log, "other", "--replay", "a.png", status=2)
    assert "without --follow" in complaint("watch", log, "--follow", "--replay", "a.png", status=2)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "pip install 'realnet-live[plot]'" in complaint("watch", log, "--replay", str(tmp_path / "a.png"))
    assert watching.seen == []
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
