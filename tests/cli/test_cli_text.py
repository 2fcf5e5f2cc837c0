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
from rich.console import Console
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from realnet import TokenLearner
from realnet.client import RealNetError, Server
from service.cli.stream import stream_text
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
    assert shown("stream", "-", given=given, url=server.url).startswith(("0 tokens learnt", "3 tokens learnt"))


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
    assert shown(*arguments, url=server.url) == expected + "\n"


def test_text_is_refused_by_a_net_of_frames(frames_server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(TEXT)
    assert "/text: " in complaint("stream", str(tmp_path / "text"), url=frames_server.url)
    assert "raw frames" in complaint("generate", "x", url=frames_server.url)


def test_a_server_that_stops_is_told_in_one_line(new_server: Callable[..., ThreadServer], tmp_path: Path) -> None:
    server = new_server().start()
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with (
        started("stream", str(path), url=server.url) as process,
        path.open("wb", buffering=0) as pipe,
    ):
        pipe.write(b"abc")
        while server.net()["tokens_seen"] < 3:
            pass
        server.terminate()
        out, error = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, b"")
    assert error == b"realnet: the server closed the connection (1012: it restarts)\n"


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_a_stream_waits_for_the_journal(new_process: Callable[..., ProcessServer], tmp_path: Path) -> None:
    """On a full disk nothing is learnt; as soon as there is room, the stream goes on where it was."""
    text = "what is refused is sent again, once; " * 2000
    (tmp_path / "text").write_text(text)
    server = new_process(neurons=1000).start()
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
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
    monkeypatch.setattr("service.cli.stream.TRY_AGAIN_SECONDS", 0.0)
    (tmp_path / "text").write_text(TEXT)
    answers = iter([(503, "not-ready", "it is being read"), (503, "not-ready", "still"), (429, "overloaded", "full")])

    def refuse(connection: ServerConnection, _: Request) -> Response:
        status, slug, detail = next(answers)
        return connection.respond(status, json.dumps({"type": f"/problems/{slug}", "detail": detail}))

    async with serve(lambda _: asyncio.sleep(0), "127.0.0.1", 0, process_request=refuse) as stub:
        [listener] = stub.sockets
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(RealNetError, match="full"):  # that may last
            await stream_text(Server(url), str(tmp_path / "text"), 1, "best", Console(soft_wrap=True))
    assert capsys.readouterr().out == f"waiting: {url} refused the stream: it is being read\n"
