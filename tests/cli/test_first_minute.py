"""What a newcomer does first: the README's first block, and what a terminal shows meanwhile."""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.settings import Settings
from tests.cli.commands import command, environment
from tests.running_server import ThreadServer

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def stored(**given: Any) -> str:
    return Settings(_env_prefix="NO_SETTING_", **given).store


def first_block() -> str:
    """Return the commands under the README's heading for them."""
    page = (ROOT / "README.md").read_text()
    block = re.search(r"^## The first minute\n.*?^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert block is not None
    return block[1]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_readmes_first_block_runs_as_printed(
    shell: str, new_server: Callable[..., ThreadServer], tmp_path: Path
) -> None:
    """But for the port, which is not the test's to take."""
    if shutil.which(shell) is None or shutil.which("curl") is None:
        pytest.skip(f"there is no {shell} or no curl")
    server = new_server().start()
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/bin").symlink_to(BIN)
    text = (ROOT / "examples/alice.txt").read_text()[:10_000]  # which is there, and takes a moment
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples/alice.txt").write_text(text)
    block = first_block().replace(":8420", f":{server.port}")
    options = {"bash": ["--noprofile", "--norc"], "zsh": ["--no-rcs"]}[shell]
    ended = subprocess.run(
        [shell, *options, "-e", "-c", block],
        cwd=tmp_path,
        env=environment(server.url),
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, "realnet: " in ended.stderr) == (0, False), ended.stderr
    assert ended.stdout.startswith(f"{len(text):,} tokens learnt in ")
    assert server.net()["tokens_seen"] == len(text) + 2
    assert [each["name"] for each in server.client.get("/v1/snapshots").json()["data"]] == ["first"]


def test_a_terminal_is_told_where_to_look_and_what_to_type(tmp_path: Path) -> None:
    outside, inside = pty.openpty()
    environ = environment("") | {"XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
    with subprocess.Popen(command("serve", "--port", "0"), env=environ, cwd=tmp_path, stderr=inside) as process:
        os.close(inside)
        screen = ""
        while "Ctrl-C" not in screen:
            screen += os.read(outside, 1000).decode()
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    os.close(outside)
    url = re.search(r"serving on (http://127\.0\.0\.1:\d+)\r\n", screen)
    assert url is not None
    assert re.search(rf"^  Open +{url[1]} ", screen, re.MULTILINE)
    assert re.search(rf"^  Type +\S+ --url {url[1]} stream FILE\r$", screen, re.MULTILINE)
    assert f"everything is kept in {tmp_path}" in screen
    assert "uvicorn" not in screen
    assert "{" not in screen


def test_a_net_is_the_same_wherever_it_is_served_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    places = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        (folder / "data").mkdir(parents=True)  # whatever it holds, it is no store
        monkeypatch.chdir(folder)
        places.append(stored())
    assert places[0] == places[1]
    assert places[0].startswith(f"file://{tmp_path}")


@pytest.mark.parametrize("part", ["journal", "snapshots"])
def test_a_store_of_an_earlier_version_stays_the_store(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data/default" / part).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert stored() == "file:data"
    assert stored(store="file:other") == "file:other"


def test_bash_completes_commands_and_flags(tmp_path: Path) -> None:
    program = """
source <(realnet --show-completion)
complete_last() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _realnet_completion realnet; echo "${COMPREPLY[@]}"; }
complete_last realnet snap
complete_last realnet serve --snapshots
"""
    environ = environment("") | {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    ended = subprocess.run(["bash", "-c", program], env=environ, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["snapshot", "--snapshots-kept"]
