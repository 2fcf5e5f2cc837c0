"""The `realnet` command as a user has it, against a real server."""

import json
import re
import socket
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from realnet.client import DEFAULT_URL
from tests.cli.commands import NOWHERE, command, complaint, environment, realnet, shown
from tests.free_port import free_port
from tests.running_server import RunningServer


@pytest.mark.parametrize(
    "arguments",
    [
        ["info"],
        ["explain"],
        ["outputs"],
        ["top"],
        ["pause"],
        ["resume"],
        ["set", "--rate", "1"],
        ["generate", "x"],
        ["stream", "-"],
        ["sleep"],
        ["dream", "pyproject.toml", "--format", "txt"],
        ["jobs", "list"],
        ["jobs", "follow", "1"],
        ["snapshot", "save"],
        ["snapshot", "restore", "1", "--yes"],
        ["snapshot", "upload", "pyproject.toml"],
        ["dataset", "show", "1"],
    ],
)
def test_without_a_server_one_line_says_how_to_start_one(arguments: list[str]) -> None:
    assert "realnet serve" in complaint(*arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
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
        (["snapshot", "restore", "../x"], "letters and digits"),
        (["snapshot", "delete", "ä"], "letters and digits"),
        (["jobs", "cancel", "a/b"], "letters and digits"),
        (["dataset", "show", ""], "letters and digits"),
        (["set"], "--tick-hz"),
        (["top", "--every", "0"], "--every"),
        (["set", "--tick-hz", "often"], "--tick-hz"),
        (["outputs", "--limit", "5000"], "--limit"),
        (["outputs", "--outputs", "all"], "surprise"),
        (["snapshot", "rename", "1"], "NAME"),
    ],
)
def test_wrong_usage_is_told_in_one_line(arguments: list[str], said: str) -> None:
    assert said.lower() in complaint(*arguments, status=2).lower()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["snapshot", "restore", "99999999"], "no snapshot"),
        (["snapshot", "pin", "99999999"], "no snapshot"),
        (["snapshot", "download", "99999999"], "no snapshot"),
        (["snapshot", "rename", "99999999", "a"], "no snapshot"),
        (["snapshot", "save", "--name", "a\nb"], "--name: "),
        (["snapshot", "upload", "/nowhere/net"], "/nowhere/net: No such file"),
        (["snapshot", "upload", __file__], "not a RealNet checkpoint"),
        (["jobs", "show", "99999999"], "no job"),
        (["jobs", "follow", "99999999"], "no job"),
        (["jobs", "cancel", "99999999"], "no job"),
        (["dataset", "show", "99999999"], "no data set"),
        (["set", "--rate", "-1"], "--learning-rate: "),
        (["set", "--tick-hz", "0"], "--tick-hz: "),
        (["stream", "/nowhere/text"], "/nowhere/text: No such file"),
        (["stream", "/"], "/: Is a directory"),
        (["stream", __file__, "--from", "99999999"], "test_cli.py has "),
        (["generate", "x", "--max-tokens", "1000000"], "--max-tokens: 4096 at most"),
        (["generate", "x" * 5000], "PROMPT: "),
    ],
)
def test_what_the_server_refuses_is_told_in_one_line(server: RunningServer, arguments: list[str], said: str) -> None:
    assert said in complaint(*arguments, url=server.url)


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
    port = free_port()
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
    told = ended.stdout.decode()
    assert re.search(r"^reads +frames of 3 values$", told, re.MULTILINE)
    assert re.search(r"^tick .* 7 a second$", told, re.MULTILINE)


@pytest.mark.parametrize(("arguments", "status"), [(["--version"], 0), (["info"], 1), (["dance"], 2)])
def test_a_process_prints_and_ends_as_the_command_does_here(arguments: list[str], status: int) -> None:
    here = realnet(*arguments)
    ended = subprocess.run(command(*arguments), capture_output=True, env=environment(NOWHERE))
    assert (ended.stdout, ended.stderr, ended.returncode) == (here.stdout, here.stderr, status)
    assert here.returncode == status


def test_the_bare_command_prints_its_help_and_a_flag_its_version() -> None:
    assert shown() == shown("--help")
    alone = realnet("snapshot")
    assert (alone.stdout.decode().strip(), alone.stderr) == (shown("snapshot", "--help").strip(), b"")
    assert alone.returncode == 2
    assert shown("--version") == f"realnet {version('realnet-live')}\n"


def test_the_command_line_loads_no_client_before_it_needs_one() -> None:
    program = "import sys, service.cli.main as main; print('realnet.client' in sys.modules, main.DEFAULT_URL)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == f"False {DEFAULT_URL}\n"


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
    assert "realnet.client" in loaded
    assert not loaded & {"numpy", "numba", "torch", "fastapi", "realnet.live"} | loaded & others
