"""`realnet watch`: files that grow, are cut off and rotated, pipes, what is no text, and going on from a state."""

import gzip
import os
from pathlib import Path
from threading import Thread

import pytest

from service.cli.watching import run
from tests.api.asking import until
from tests.cli.commands import complaint
from tests.cli.watching import Watching, watching

__all__ = ["watching"]


def test_a_file_is_followed_through_what_is_done_to_it(watching: Watching, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("first\nsec")

    def until_seen(*texts: str) -> None:
        until(lambda: tuple(watching.texts()) == texts)

    def act() -> None:
        until_seen("first")
        with path.open("a") as file:
            file.write("ond\n")
        until_seen("first", "second")
        path.write_text("anew\n")  # shorter than before
        until_seen("first", "second", "anew")
        path.rename(tmp_path / "log.1")
        with (tmp_path / "log.1").open("a") as file:
            file.write("not whole")
        path.write_text("another\n")
        until_seen("first", "second", "anew", "not whole", "another")

    ended = watching.run_until(act, "--follow", str(path))
    assert ended.returncode == 130
    start, *said, ready, summary = ended.stderr.decode().splitlines()
    assert "first 3 rows" in start
    assert {*said, ready} == {
        f"{path} was cut off: it is read from its beginning",
        f"{path}: it knows what is usual: news is told from now on",
        f"{path} is another file now: it is read from its beginning",
    }
    assert summary.startswith("5 rows")


def test_a_second_run_goes_on_where_the_first_ended(watching: Watching, tmp_path: Path) -> None:
    path, state = tmp_path / "log", tmp_path / "state"
    path.write_text("one\ntwo\nthree\nnot who")
    ended = watching.run_until(
        lambda: until(lambda: len(watching.seen) == 3), "--follow", "--state", str(state), str(path)
    )
    assert ended.returncode == 130
    with path.open("a") as file:
        file.write("le news\n")
    ended = watching.run("--state", str(state), "--json", str(path))
    assert b'"line":4' in ended.stdout
    assert watching.texts() == ["one", "two", "three", "not whole news"]
    watching.run("--state", str(state), str(path))
    assert len(watching.seen) == 4


@pytest.mark.parametrize("text", ["one\n", "another one\nand more\nof it, so that it is longer\n"])
def test_a_file_that_is_another_one_is_read_from_its_beginning(watching: Watching, tmp_path: Path, text: str) -> None:
    path, state = tmp_path / "log", str(tmp_path / "state")
    path.write_text("one\ntwo\n")
    watching.run("--state", state, str(path))
    path.write_text(text)
    ended = watching.run("--state", state, str(path))
    assert f"{path} is another file than before: it is read from its beginning" in ended.stderr.decode()
    assert watching.texts() == ["one", "two", *text.splitlines()]


def test_a_state_keeps_streams_that_are_not_watched_now(watching: Watching, tmp_path: Path) -> None:
    one, two, state = tmp_path / "one", tmp_path / "two", str(tmp_path / "state")
    one.write_text("1\n")
    two.write_text("2\n")
    watching.run("--state", state, str(one))
    watching.run("--state", state, str(two))
    watching.run("--state", state, str(one), str(two))
    assert watching.texts() == ["1", "2"]


def test_of_standard_input_a_state_keeps_what_was_learnt(watching: Watching, tmp_path: Path) -> None:
    arguments = "--state", str(tmp_path / "state"), "-"
    assert watching.run(*arguments, given=b"a\na\na\n").stdout == b""
    assert b"#1" in watching.run(*arguments, given=b"news\n").stdout


def test_a_state_of_another_kind_is_refused(watching: Watching, tmp_path: Path) -> None:
    state = tmp_path / "state"
    watching.run("--state", str(state), "-", given=b"1\n")
    before = state.read_bytes()
    assert f"{state} is of lines, not of values" in complaint("watch", "--metric", "--state", str(state), "-", status=2)
    assert state.read_bytes() == before
    for other in (b"", b"text", b"\x81\xa1a\x01", before[:-1]):
        state.write_bytes(other)
        assert "is no state of `realnet watch`" in complaint("watch", "--state", str(state), "-", status=2)
    assert state.read_bytes() == before[:-1]


def test_a_state_that_cannot_be_written_leaves_the_old_one(watching: Watching, tmp_path: Path) -> None:
    state = tmp_path / "state"
    watching.run("--state", str(state), "-", given=b"1\n")
    before = state.read_bytes()
    (tmp_path / "state.part").mkdir()
    ended = watching.run("--state", str(state), "-", given=b"2\n")
    assert ended.returncode == 1
    assert ended.stderr.decode().endswith(f"realnet: {state} cannot be written: Is a directory\n")
    assert state.read_bytes() == before


def test_the_state_is_saved_now_and_then(watching: Watching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_SAVE_SECONDS", 0.01)
    path, state, part = tmp_path / "log", tmp_path / "state", tmp_path / "state.part"
    path.write_text("one\n")
    saved = list[bytes]()

    def act() -> None:
        until(state.exists)
        saved.append(state.read_bytes())
        part.mkdir()  # it cannot be written for a while
        with path.open("a") as file:
            file.write("two\n")
        until(lambda: len(watching.seen) == 2)
        part.rmdir()
        with path.open("a") as file:
            file.write("three\n")
        until(lambda: state.read_bytes() != saved[0])

    assert watching.run_until(act, "--follow", "--state", str(state), str(path)).returncode == 130
    watching.run("--state", str(state), str(path))
    assert watching.texts() == ["one", "two", "three"]


def test_a_pipe_is_told_line_by_line(watching: Watching, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def write() -> None:
        with path.open("wb", buffering=0) as pipe:
            for count, text in enumerate((b"one\n", b"two\nthr", b"ee\r\n", b"four"), start=1):
                seen = len(watching.seen)
                pipe.write(text)
                until(lambda seen=seen, count=count: len(watching.seen) > seen or count == 4)  # type: ignore[misc]

    for _ in range(2):
        writer = Thread(target=write)
        writer.start()
        assert watching.run("--state", str(tmp_path / "state"), str(path)).returncode == 0
        writer.join()
    assert watching.texts() == ["one", "two", "three", "four"] * 2


def test_a_packed_file_is_read_and_gone_on_with(watching: Watching, tmp_path: Path) -> None:
    path, state = tmp_path / "log.gz", str(tmp_path / "state")
    path.write_bytes(gzip.compress(b"one\ntwo\n"))
    watching.run("--state", state, str(path))
    watching.run("--state", state, str(path))
    assert watching.texts() == ["one", "two"]
    path.write_bytes(path.read_bytes()[:-3])
    assert f"{path} is no whole file of gzip" in complaint("watch", str(path))
    assert f"{path} is no whole file of gzip" in complaint("watch", "--state", state, str(path))
    path.write_bytes(b"plain")
    assert f"{path} is no whole file of gzip" in complaint("watch", str(path))


def test_a_long_line_is_cut(watching: Watching, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a" * 65_536 + b"\n" + b"b" * 200_000 + b"\n\n  \nc\n")
    ended = watching.run(str(path))
    assert watching.texts() == ["a" * 65_536, "b" * 65_536, "c"]
    assert "line 2 is longer than 64 kB" in ended.stderr.decode()
    assert "line 1 " not in ended.stderr.decode()


def test_what_is_no_text_is_told(watching: Watching, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a" * 98 + b"\n\0")
    assert watching.run(str(path)).returncode == 0
    path.write_bytes(b"a" * 97 + b"\n\0\0")
    assert "it is binary: 2 of its first 100 bytes are NUL" in complaint("watch", str(path), status=2)
    ended = watching.run("-", given=b"na\xefve\nb\xff\n" + b"a" * 990 + b"\n\0\0\n")
    assert watching.texts()[-3:] == ["na�ve", "b�", "a" * 990]
    assert ended.stderr.count(b"no UTF-8") == 1
    assert b"-: line 4 cannot be read: NUL bytes\n" in ended.stderr
