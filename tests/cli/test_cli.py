"""The `realnet` command as a user has it, against a real server."""

import asyncio
import json
import os
import pty
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from rich.console import Console
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from realnet import TokenLearner
from service.cli.stream import stream_text
from service.client import ClientError, Server
from tests.cli.commands import NOWHERE, command, complaint, environment, realnet, shown
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
    with subprocess.Popen(
        command("stream", str(path)), env=environment(server.url), stdout=subprocess.PIPE, stderr=inside
    ) as process:
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


def test_info_tells_what_the_net_is(server: RunningServer) -> None:
    lines = dict(re.split(r"  +", line.strip(), maxsplit=1) for line in shown("info", url=server.url).splitlines())
    net = server.net()
    assert lines["preset"] == net["preset"] == "surprise"
    assert lines["neurons"] == f"{net['neurons']:,}"
    assert lines["plasticity"] == "yes"
    assert lines["tokens seen"] == f"{net['tokens_seen']:,}"


def test_snapshots_are_saved_listed_and_restored(server: RunningServer) -> None:
    server.run(text="before")
    before = server.weights()
    saved = shown("snapshot", "save", "--name", "[b]mine", url=server.url)
    id = saved.partition(":")[0]
    assert saved == f"{id}: tick {server.net()['tick']:,}, {saved.split()[-2]} MB\n"
    server.run(text="after")
    assert server.weights() != before
    listed = shown("snapshot", "list", url=server.url).splitlines()
    assert listed[0].split() == ["id", "tick", "created", "MB", "kept", "name", "of", "job"]
    [line] = [line for line in listed if line.startswith(id)]
    assert line.split()[-2:] == ["yes", "[b]mine"]
    assert shown("snapshot", "restore", id, url=server.url) == f"restored {id}\n"
    assert server.weights() == before


@pytest.mark.parametrize(
    "arguments", [["info"], ["generate", "x"], ["stream", "-"], ["snapshot", "save"], ["snapshot", "restore", "1"]]
)
def test_without_a_server_one_line_says_how_to_start_one(arguments: list[str]) -> None:
    assert "realnet serve" in complaint(*arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["snapshot"], "Missing command"),
        (["dance"], "dance"),
        (["stream"], "FILE"),
        (["snapshot", "restore"], "Try `realnet snapshot restore --help`"),
        (["generate", "x", "--max-tokens", "0"], "--max-tokens"),
        *(
            (["--url", url, "info"], "http://127.0.0.1:8420")
            for url in ("localhost:8420", "http://x:99999", "http://[x")
        ),
        (["serve", "--preset", "dream"], "literal"),
        (["serve", "--neurons", "0"], "--neurons: Input should be greater than or equal to 1"),
        (["dream", "x", "--share", "2"], "--share: Input should be less than or equal to 1"),
        (["fit", "x", "--commit", "maybe"], "rebase"),
        (["snapshot", "restore", "../x"], "snapshot list"),
    ],
)
def test_wrong_usage_is_told_in_one_line(arguments: list[str], said: str) -> None:
    assert said.lower() in complaint(*arguments, status=2).lower()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["snapshot", "restore", "99999999"], "no snapshot"),
        (["stream", "/nowhere/text"], "/nowhere/text: No such file"),
        (["stream", "/"], "/: Is a directory"),
        (["generate", "x", "--max-tokens", "1000000"], "--max-tokens: 4096 at most"),
        (["generate", "x" * 5000], "PROMPT: "),
    ],
)
def test_what_the_server_refuses_is_told_in_one_line(server: RunningServer, arguments: list[str], said: str) -> None:
    assert said in complaint(*arguments, url=server.url)


def test_text_is_refused_by_a_net_of_frames(frames_server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "text").write_text(TEXT)
    assert "/text: " in complaint("stream", str(tmp_path / "text"), url=frames_server.url)
    assert "raw frames" in complaint("generate", "x", url=frames_server.url)


def test_a_server_that_stops_is_told_in_one_line(new_server: Callable[..., ThreadServer], tmp_path: Path) -> None:
    server = new_server().start()
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with (
        subprocess.Popen(
            command("stream", str(path)), env=environment(server.url), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process,
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
    with subprocess.Popen(
        command("stream", str(tmp_path / "text")),
        env=environment(server.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
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
    with subprocess.Popen(
        command("stream", str(tmp_path / "text")),
        env=environment(server.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
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
        with pytest.raises(ClientError, match="full"):  # that may last
            await stream_text(Server(url), str(tmp_path / "text"), 1, Console(soft_wrap=True))
    assert capsys.readouterr().out == f"waiting: {url} refused the stream: it is being read\n"


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            command("serve", "--port", port, "--store", f"file://{tmp_path}/data"),
            capture_output=True,
            env=environment(NOWHERE),
            timeout=60,
        )
    assert ended.returncode == 1
    assert re.fullmatch(rf"[^\n]+ port {port}: Address already in use\n", ended.stderr.decode())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "insecure"),
        (["--inputs", "3"], "outputs"),
        (["--store", "ftp://x"], "file:///absolute/dir"),
    ],
)
def test_a_server_that_cannot_start_says_why(arguments: list[str], said: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        command("serve", "--port", "0", *arguments), capture_output=True, env=environment(""), cwd=tmp_path, timeout=60
    )
    *logged, line = ended.stderr.decode().splitlines()
    assert ended.returncode == 1
    assert line.startswith("realnet: ")
    assert said in line
    assert all(json.loads(each)["level"] == "info" for each in logged)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system keeps no such limit")
def test_a_net_that_is_too_large_for_the_memory_is_told(tmp_path: Path) -> None:
    program = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
from service.cli.main import main
main()
"""
    large = ["serve", "--port", "0", "--preset", "literal", "--neurons", "100000", "--store", f"file://{tmp_path}/data"]
    ended = subprocess.run(
        [sys.executable, "-c", program, *large], capture_output=True, env=environment(""), timeout=60
    )
    *_, line = ended.stderr.decode().splitlines()
    assert (ended.returncode, line) == (1, "realnet: there is not enough memory for a net of 100000 neurons")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("REALNET_API_KYE", "0" * 32, "REALNET_API_KYE (is REALNET_API_KEY meant?)"),
        ("realnet_snapshot_evry", "5", "realnet_snapshot_evry (is REALNET_SNAPSHOT_EVERY meant?)"),
        ("REALNET_SERVICE_HOST", "5", "REALNET_SERVICE_HOST; `realnet serve --help`"),
        ("REALNET_SEED", "many", "REALNET_SEED: Input should be a valid integer"),
        ("REALNET_ORIGINS", "https://example.org", '"origins"'),
    ],
)
def test_a_variable_that_is_wrong_is_told(
    variable: str, value: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in complaint("serve", "--port", "0", variables={variable: value})
    assert not any(tmp_path.iterdir())


def test_flags_override_the_environment(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = (
        "--port",
        str(port),
        "--store",
        f"file://{tmp_path}/data",
        "--inputs",
        "3",
        "--outputs",
        "2",
        "--seed",
        "7",
    )
    given = environment("http://127.0.0.1:1") | {"REALNET_INPUTS": "9", "REALNET_TICK_HZ": "7", "REALNET_PORT": "1"}
    with subprocess.Popen(command("serve", *flags), env=given, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while (ended := realnet("info", url=f"http://127.0.0.1:{port}")).returncode and time.monotonic() < deadline:
            assert process.poll() is None
        process.terminate()
        process.communicate()
    lines = ended.stdout.decode().splitlines()
    assert [line.split() for line in lines if line.startswith(("inputs", "tick hz"))] == [
        ["inputs", "3"],
        ["tick", "hz", "7"],
    ]


@pytest.mark.parametrize(("arguments", "status"), [(["--version"], 0), (["info"], 1), (["dance"], 2)])
def test_a_process_prints_and_ends_as_the_command_does_here(arguments: list[str], status: int) -> None:
    here = realnet(*arguments)
    ended = subprocess.run(command(*arguments), capture_output=True, env=environment(NOWHERE))
    assert (ended.stdout, ended.stderr, ended.returncode) == (here.stdout, here.stderr, status)
    assert here.returncode == status


def test_the_bare_command_prints_its_help_and_a_flag_its_version() -> None:
    assert shown() == shown("--help")
    assert shown("--version") == f"realnet {version('realnet-live')}\n"


@pytest.mark.parametrize(
    ("arguments", "others"),
    [(["--help"], {"pydantic"}), (["info", "--help"], {"service.settings", "service.jobs.requests"})],
)
def test_client_commands_load_neither_the_net_nor_the_server(arguments: list[str], others: set[str]) -> None:
    program = """
import sys
from service.cli import main, stream
main.app(sys.argv[1:], standalone_mode=False)
print("loaded:", *sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, check=True)
    loaded = set(ended.stdout.decode().partition("loaded: ")[2].split())
    assert "service.client" in loaded
    assert not loaded & {"numpy", "numba", "torch", "fastapi", "realnet"} | loaded & others
