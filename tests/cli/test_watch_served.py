"""`realnet watch --url`: rows told of by a real server, each exactly once, whatever ends in between."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import DEVNULL

import pytest

from realnet.client import AsyncClient, AsyncStreams, Client, ConnectionLost, Observed, StreamState, Unreachable
from service.auth.keys import Scope, create_key
from tests.api.asking import until
from tests.cli.commands import NOWHERE, complaint, realnet, started
from tests.running_server import ThreadServer

NewServer = Callable[..., ThreadServer]
USUAL = [
    f"2025-11-29T12:{minute:02}:{second:02}Z sshd[7]: session {minute} opened for user root by cron\n"
    for minute in range(10)
    for second in range(60)
]
NEWS = "2025-11-29T12:10:00Z kernel: oops, the disk is on fire at 0xdeadbeef\n"
VALUES = [f"{1764417600 + 60 * minute},{20 + minute % 7}\n" for minute in range(300)]


class Killed(BaseException):
    """As if the process had ended there."""


def rows_of(server: ThreadServer, stream: str) -> int:
    with Client(server.url) as client:
        return next((each.rows for each in client.streams.list() if each.name == stream), 0)


def texts_of(server: ThreadServer, stream: str) -> list[str | None]:
    with Client(server.url) as client:
        return [row.text for row in client.streams.rows(stream)]


def without_times(line: str) -> str:
    return line.partition("Z ")[2].removesuffix("\n")


def test_it_prints_what_it_prints_without_a_server(server: ThreadServer, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("".join([*USUAL, NEWS]))
    (tmp_path / "csv").write_text("at,load\n" + "".join([*VALUES, "1764435600,500\n"]))
    for arguments in ([str(tmp_path / "log")], ["--metric", "--explain", str(tmp_path / "csv")]):
        here, there = realnet("watch", *arguments), realnet("watch", "--url", server.url, *arguments)
        assert here.stdout == there.stdout != b""
        assert there.returncode == 0
        figures = [re.sub(r"in [\d.]+ s \([\d,]+ a second\)", "", each.stderr.decode()) for each in (here, there)]
        assert figures[0] == figures[1]
    with Client(server.url) as client:
        found = {each.name.partition(":")[2]: each for each in client.streams.list()}
    assert found[str(tmp_path / "log")].rows == 601
    assert found[str(tmp_path / "csv")].kind == "values"


def test_each_line_is_told_once_over_a_kill(server: ThreadServer, tmp_path: Path) -> None:
    path = tmp_path / "load"
    path.write_text("".join(f"{value}\n" for value in range(1500)))
    arguments = "watch", "--metric", "--state", str(tmp_path / "state"), "--stream", "killed", str(path)
    with started("--url", server.url, *arguments, url=NOWHERE, stdout=DEVNULL, stderr=DEVNULL) as process:
        until(lambda: rows_of(server, "killed") > 1)
        process.kill()
    assert rows_of(server, "killed") < 1500
    with path.open("a") as file:
        file.write("4000\n")
    assert realnet("--url", server.url, *arguments).returncode == 0
    assert rows_of(server, "killed") == 1501
    with Client(server.url) as client:
        told = [row.value for row in client.streams.rows("killed")]
    assert told == [*map(float, range(1500)), 4000.0][-256:]


@pytest.mark.parametrize(("batch", "is_taken"), [(3, True), (3, False), (4, True), (4, False)])
def test_rows_whose_answer_never_came_are_told_once(
    server: ThreadServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int, is_taken: bool
) -> None:
    path, stream = tmp_path / "log", f"{batch} {is_taken}"
    path.write_text("".join(USUAL[:500]) + "not who")
    arguments = "--url", server.url, "watch", "--state", str(tmp_path / "state"), "--stream", stream, str(path)
    asked = list[object]()
    observe = AsyncClient.observe

    async def observe_and_die(client: AsyncClient, *args: object, **kwargs: object) -> Observed:
        asked.append(kwargs["idempotency_key"])
        if len(asked) == batch:
            if is_taken:
                await observe(client, *args, **kwargs)  # type: ignore[arg-type]
            raise Killed
        return await observe(client, *args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(AsyncClient, "observe", observe_and_die)
        with pytest.raises(Killed):
            realnet(*arguments)
    assert len(set(asked)) == batch
    with path.open("a") as file:
        file.write("".join(["le\n", *USUAL[500:], NEWS]))
    ended = realnet(*arguments)
    assert ended.stdout.count(b"  #1  ") == 1
    texts = texts_of(server, stream)
    whole = ["not whole"] if batch == 3 else ["not who", "le"]  # it was told of before it was whole
    expected = [*map(without_times, USUAL[:500]), *whole, *map(without_times, [*USUAL[500:], NEWS])]
    assert (rows_of(server, stream), texts) == (len(expected), expected[-256:])


def test_a_server_is_waited_for_and_its_restart_costs_nothing(
    new_server: NewServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, asked, get, observe = new_server(neurons=1000), list[object](), AsyncStreams.get, AsyncClient.observe

    async def get_at_last(streams: AsyncStreams, name: str) -> StreamState:
        try:
            return await get(streams, name)
        except Unreachable:
            await asyncio.to_thread(server.start)
            raise

    async def observe_and_lose(client: AsyncClient, *args: object, **kwargs: object) -> Observed:
        asked.append(kwargs["idempotency_key"])
        told = await observe(client, *args, **kwargs)  # type: ignore[arg-type]
        if len(asked) == 3:
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            raise ConnectionLost("the connection is lost")
        return told

    monkeypatch.setattr(AsyncStreams, "get", get_at_last)
    monkeypatch.setattr(AsyncClient, "observe", observe_and_lose)
    (tmp_path / "log").write_text("".join([*USUAL, NEWS]))
    ended = realnet("watch", "--url", server.url, "--stream", "late", str(tmp_path / "log"))
    absent, back, lost, again, summary = ended.stderr.decode().splitlines()
    assert absent.startswith(f"waiting: no server answers at {server.url}")
    assert (lost, back, again) == ("waiting: the connection is lost", *["the server answers again"] * 2)
    assert summary.startswith("601 rows in ")
    assert (len(asked), len(set(asked))) == (5, 4)
    assert b"#1" in ended.stdout
    assert rows_of(server, "late") == 601


def test_a_row_that_is_refused_there_is_told_like_any_bad_row(server: ThreadServer, tmp_path: Path) -> None:
    path = tmp_path / "load.csv"
    path.write_text("".join([*VALUES[:20], *VALUES[5:7], *VALUES[20:30], VALUES[0], *VALUES[30:32]]))
    arguments = "watch", "--url", server.url, "--stream", "back", "--metric", str(path)
    refused = [line for line in realnet(*arguments).stderr.decode().splitlines() if "cannot be read" in line]
    assert [line.partition(": ")[2].partition(", from")[0] for line in refused] == [
        f"line {line} cannot be read: the time goes back" for line in (21, 22, 33)
    ]
    assert rows_of(server, "back") == 32


def test_options_are_those_of_the_stream_there(server: ThreadServer) -> None:
    def options(stream: str, *arguments: str, given: bytes) -> dict[str, object]:
        ended = realnet("watch", "--url", server.url, "--stream", stream, *arguments, "-", given=given)
        assert ended.returncode == 0, ended.stderr
        with Client(server.url) as client:
            return client.streams.get(stream).options

    assert options("auth", "--quiet", given=b"a\n") == {"budget": 0.5}
    assert options("auth", given=b"a\n") == {"budget": 0.5}
    assert options("auth", "--budget", "2", given=b"a\n") == {"budget": 2.0}
    chosen = options("load", "--metric", "--direction", "up", "--missing", "skip", given=b"1\n\n2\n")
    assert (chosen["direction"], chosen["missing"], chosen["sensitivity"]) == ("up", "skip", "normal")
    assert options("load", "--metric", "--eager", given=b"1\n")["sensitivity"] == "eager"
    arguments = "watch", "--url", server.url, "--stream", "load", "-"
    assert "load is a stream of values there" in complaint(*arguments, status=2)
    assert "min_change is -1" in complaint(*arguments[:-1], "--metric", "--min-change", "-1", "-")


def test_a_key_that_may_only_teach_is_enough(new_server: NewServer, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    key = create_key(file, "watch", Scope.TEACH)
    server = new_server(neurons=1000, keys_file=file)
    server.client.headers = {"Authorization": f"Bearer {key}"}
    server.start()
    (tmp_path / "log").write_text("a\nb\n")
    arguments = "--key", key, "watch", "--url", server.url, str(tmp_path / "log")
    assert b"nothing is told before 498 more rows" in realnet(*arguments).stderr
    assert "scope" in complaint(*arguments, "--quiet")
    assert "--key or REALNET_KEY" in complaint(*arguments[2:])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--stream", "a", "log"], "it is of a server: --url"),
        (["--url", "nowhere", "log"], "--url: a server's URL looks like"),
        (["--url", NOWHERE, "-"], "standard input has no name: give one"),
        (["--url", NOWHERE, "--stream", "a", "one", "two"], "each FILE is a stream of its own"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], said: str) -> None:
    assert said in complaint("watch", *arguments, status=2)


def test_a_state_is_of_one_stream(server: ThreadServer, tmp_path: Path) -> None:
    path, state = tmp_path / "log", str(tmp_path / "state")
    path.write_text("a\n")
    there = "watch", "--state", state, "--url", server.url
    realnet(*there, "--stream", "mine", str(path))
    said = complaint(*there, "--stream", "other", str(path), status=2)
    assert f"{state}: what was learnt of {path} is of the server's stream mine" in said
    assert "is of the server's stream mine" in complaint("watch", "--state", state, str(path), status=2)
