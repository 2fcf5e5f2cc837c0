"""`realnet stream` and `realnet generate` as a user has them: text goes in and comes out."""

import asyncio
import json
import os
import pty
import re
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from realnet import TokenLearner
from realnet.client import RealNetError, Server
from service.auth.keys import Scope, create_key, revoke_key
from service.cli.source import cut
from service.cli.stream import Asked, stream_text
from tests.api.asking import until
from tests.cli.commands import complaint, shown, started
from tests.running_server import ProcessServer, RunningServer, ThreadServer

TEXT = "the cat sat on the mat; " * 50


def test_a_file_is_streamed(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(TEXT)
    seen = server.net()["tokens_seen"]
    line = shown("stream", str(tmp_path / "text"), url=server.url)
    assert re.fullmatch(
        r"1,200 tokens learnt in \d\.\d s \([\d,]+ a second\); accuracy 0\.\d{3}, surprise \d\.\d\d bits "
        r"\(over the last 1,200: accuracy 0\.\d{3}, surprise \d\.\d\d bits\)\n",
        line,
    )
    assert server.net()["tokens_seen"] == seen + 1200
    *_, last = server.client.get("/v1/outputs", params={"after": server.net()["tick"] - 1}).json()["outputs"]
    assert last["token"] == ord(" ")


@pytest.mark.parametrize("batch", ["1", "3", "512"])
def test_signs_of_several_bytes_survive_the_pieces(server: RunningServer, batch: str) -> None:
    given = "naïve €uro 🦆".encode()
    tick = server.net()["tick"]
    assert shown("stream", "-", "--batch", batch, given=given, url=server.url).startswith(f"{len(given)} tokens learnt")
    outputs = server.client.get("/v1/outputs", params={"after": tick}).json()["outputs"]
    assert bytes(output["token"] for output in outputs) == given


@pytest.mark.parametrize("given", [b"", b"\xff"])
def test_odd_input_is_streamed(server: RunningServer, given: bytes) -> None:
    assert shown("stream", "-", given=given, url=server.url).startswith(f"{len(given)} tokens learnt")


def test_a_terminal_shows_progress_and_ctrl_c_ends_it_with_a_summary(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    outside, inside = pty.openpty()
    with started("stream", str(path), url=server.url, stderr=inside) as process:
        with path.open("wb", buffering=0) as pipe:
            pipe.write(TEXT.encode())
            screen = b""
            while b"tokens/s" not in screen or b"accuracy" not in screen:
                pipe.write(b"more")
                screen += os.read(outside, 1000)
            process.send_signal(signal.SIGINT)
            assert process.stdout is not None
            line = process.stdout.read().decode()
        assert process.wait() == 130
    os.close(inside)
    os.close(outside)
    assert re.fullmatch(r"stopped: 1,[\d,]+ tokens learnt in .*\n", line)


def test_a_prompt_is_gone_on_from(server: RunningServer) -> None:
    arguments = ("generate", "the ", "--max-tokens", "40", "--seed", "3", "--temperature", "0.5")
    request = {"prompt": "the ", "max_tokens": 40, "seed": 3, "temperature": 0.5}
    expected = server.client.post("/v1/generate", json=request).json()["text"]
    assert shown(*arguments, url=server.url) == "the " + expected + "\n"
    assert shown(*arguments, "--no-prompt", url=server.url) == expected + "\n"
    fresh = server.client.post("/v1/generate", json=request | {"fresh": True, "read": "adapt"}).json()["text"]
    assert shown(*arguments, "--fresh", "--read", "adapt", url=server.url) == "the " + fresh + "\n"


def test_text_is_refused_by_a_net_of_frames(frames_server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(TEXT)
    assert "frames of numbers" in complaint("stream", str(tmp_path / "text"), url=frames_server.url)
    assert "raw frames" in complaint("generate", "x", url=frames_server.url)


def test_a_restart_of_the_server_is_waited_for(new_server: Callable[..., ThreadServer], tmp_path: Path) -> None:
    server = new_server().start()
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with started("stream", str(path), url=server.url) as process, path.open("wb", buffering=0) as pipe:
        pipe.write(b"abc")
        until(lambda: server.net()["tokens_seen"] == 3)
        server.terminate()
        pipe.write(b"def")
        server.start()
        pipe.write(b"ghi")
        pipe.close()
        out, error = process.communicate(timeout=60)
    assert error == b"waiting: the server closed the connection (1012: it restarts)\n"
    assert (process.returncode, out.partition(b" learnt")[0]) == (0, b"9 tokens")
    assert server.net()["tokens_seen"] == 9


def test_a_stream_scores_its_own_tokens_only(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with started("stream", str(path), url=server.url) as process, path.open("wb", buffering=0) as pipe:
        for _ in range(5):
            seen = server.net()["tokens_seen"]
            pipe.write(TEXT[:100].encode())
            until(lambda: server.net()["tokens_seen"] == seen + 100)  # noqa: B023
            server.run(text="of somebody else's: ")
        pipe.close()
        out, error = process.communicate(timeout=60)
    assert error == b""
    assert out.startswith(b"500 tokens learnt")
    assert b"(over the last 500: " in out


def test_a_file_is_streamed_from_any_byte_on(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(bytes(range(256)))
    tick = server.net()["tick"]
    assert shown("stream", str(tmp_path / "text"), "--from", "250", url=server.url).startswith("6 tokens learnt")
    assert shown("stream", "-", "--from", "1", given=b"xyz", url=server.url).startswith("2 tokens learnt")
    outputs = server.client.get("/v1/outputs", params={"after": tick}).json()["outputs"]
    assert bytes(output["token"] for output in outputs) == bytes(range(250, 256)) + b"yz"


def test_a_file_is_followed_through_what_is_done_to_it(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("first; ")
    seen = server.net()["tokens_seen"]

    def until_seen(count: int) -> None:
        until(lambda: server.net()["tokens_seen"] == seen + count)

    with started("stream", "--follow", str(path), url=server.url) as process:
        until_seen(7)
        with path.open("a") as file:
            file.write("more; ")
        until_seen(13)
        path.write_text("anew; ")  # shorter than before
        until_seen(19)
        path.rename(tmp_path / "log.1")
        with (tmp_path / "log.1").open("a") as file:
            file.write("last; ")
        until_seen(25)
        path.write_text("another; ")
        until_seen(34)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    assert error.decode().splitlines() == [
        f"{path} was cut off: it is read from its beginning",
        f"{path} is another file now: it is read from its beginning",
    ]
    assert process.returncode == 130
    assert re.fullmatch(r"stopped: 34 tokens learnt in .*; go on with --from 9\n", out.decode())
    assert "anyway" in complaint("stream", "--follow", "-", url=server.url, status=2)


def test_what_a_refused_stream_has_learnt_is_told(new_server: Callable[..., ThreadServer], tmp_path: Path) -> None:
    file = tmp_path / "keys"
    server = new_server(keys_file=file)
    key = create_key(file, "teacher", Scope.TEACH)
    server.client.headers = {"Authorization": f"Bearer {key}"}
    server.start()
    path = tmp_path / "log"
    path.write_text("abc")
    with started("--key", key, "stream", "-f", str(path), url=server.url) as process:
        until(lambda: server.net()["tokens_seen"] == 3)
        revoke_key(file, "teacher")
        out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, b"")
    assert error.endswith(b"(1008: the key has been revoked); go on with --from 3\n")


@given(st.lists(st.text(alphabet="ab é€🦆", max_size=40)), st.integers(1, 12))
def test_words_and_signs_are_not_cut(blocks: list[str], most: int) -> None:
    found: list[bytes] = []
    left = b""
    for block in blocks:
        pieces, left = cut(left + block.encode(), most, has_words=True)
        found += pieces
    text = "".join(blocks)
    assert b"".join([*found, left]).decode() == text
    for piece in found:
        assert len(piece) <= max(most, 4)
        piece.decode()
    if most == 12 and all(len(word.encode()) < 12 for word in text.split(" ")):
        starts = [len(b"".join(found[:number]).decode()) for number in range(1, len(found) + 1)]
        assert all(text[start : start + 1] in ("", " ") for start in starts)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_a_stream_waits_for_the_journal(new_process: Callable[..., ProcessServer], tmp_path: Path) -> None:
    """On a full disk nothing is learnt; as soon as there is room, the stream goes on where it was."""
    text = "what is refused is sent again, once; " * 1200
    (tmp_path / "text").write_text(text)
    server = new_process(neurons=1000).start()
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))
    with started("stream", str(tmp_path / "text"), url=server.url) as process:
        assert process.stderr is not None
        waits = process.stderr.readline().decode()
        assert 0 < server.net()["tokens_seen"] < len(text)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        out, error = process.communicate(timeout=90)
    assert re.fullmatch(r"waiting: .*File too large\n", waits)
    assert (process.returncode, error) == (0, b"")
    assert out.decode().startswith(f"{len(text):,} tokens learnt in ")
    alone = TokenLearner.create(num_neurons=1000)
    alone.run(alone.vocabulary.encode(text))
    assert server.weights() == alone.checkpoint().weights_sha256()


def test_a_stream_says_that_the_net_is_paused(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(TEXT)
    server.client.patch("/v1/net", json={"paused": True}).raise_for_status()
    with started("stream", str(tmp_path / "text"), url=server.url) as process:
        assert process.stderr is not None
        waits = process.stderr.readline()
        server.client.patch("/v1/net", json={"paused": False}).raise_for_status()
        out, _ = process.communicate(timeout=60)
    assert waits == b"waiting: the net is paused, and learns this once it is resumed\n"
    assert out.decode().startswith(f"{len(TEXT):,} tokens learnt in ")


@pytest.mark.anyio
async def test_a_stream_waits_for_a_server_that_reads_its_journal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realnet.client.errors.TRY_AGAIN_SECONDS", 0.0)
    (tmp_path / "text").write_text(TEXT)
    answers = iter([(503, "not-ready", "it is being read"), (503, "not-ready", "still"), (429, "overloaded", "full")])

    def refuse(connection: ServerConnection, _: Request) -> Response:
        status, slug, detail = next(answers)
        return connection.respond(status, json.dumps({"type": f"/problems/{slug}", "detail": detail}))

    async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=refuse) as stub:
        [listener] = stub.sockets
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        asked = Asked(str(tmp_path / "text"), start=0, follow=False, batch=1, outputs="best")
        with pytest.raises(RealNetError, match="full"):  # that may last
            await stream_text(Server(url), asked, Console(soft_wrap=True))
    assert capsys.readouterr().out == f"waiting: {url} refused the stream: it is being read\n"
