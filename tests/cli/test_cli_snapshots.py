"""`realnet snapshot`."""

import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.commands import command, complaint, environment, shown
from tests.running_server import RunningServer


def saved(server: RunningServer, name: str) -> str:
    """Save the net; return the id."""
    return shown("snapshot", "save", "--name", name, url=server.url).partition(":")[0]


def listed(server: RunningServer) -> dict[str, dict[str, object]]:
    kept = json.loads(shown("snapshot", "list", "--json", url=server.url))
    assert kept == server.client.get("/v1/snapshots").json()["data"]
    return {each["id"]: each for each in kept}


def test_snapshots_are_saved_listed_kept_renamed_and_deleted(server: RunningServer) -> None:
    line = shown("snapshot", "save", "--name", "[b]mine", url=server.url)
    id = line.partition(":")[0]
    assert line == f"{id}: tick {server.net()['tick']:,}, {line.split()[-2]} MB\n"
    table = shown("snapshot", "list", url=server.url).splitlines()
    assert table[0].split() == ["id", "tick", "created", "MB", "kept", "name", "from"]
    [row] = [line for line in table if line.startswith(id)]
    assert row.split()[-2:] == ["yes", "[b]mine"]
    assert shown("snapshot", "pin", id.lstrip("0"), "--off", url=server.url) == f"{id} is kept no longer\n"
    assert listed(server)[id]["kept"] is False
    assert shown("snapshot", "pin", id, url=server.url) == f"{id} is kept until it is deleted\n"
    assert shown("snapshot", "rename", id, "other", url=server.url) == f"{id} is called other\n"
    assert (listed(server)[id]["kept"], listed(server)[id]["name"]) == (True, "other")
    assert shown("snapshot", "rename", id, "", url=server.url) == f"{id} has no name\n"
    assert "--yes" in complaint("snapshot", "delete", id, url=server.url, status=2)
    assert shown("snapshot", "delete", id, "--yes", url=server.url) == f"deleted {id}\n"
    assert id not in listed(server)


def test_a_restore_saves_what_it_undoes(server: RunningServer) -> None:
    server.run(text="before")
    before, id = server.weights(), saved(server, "before")
    server.run(text="after")
    after = server.weights()
    assert "--yes" in complaint("snapshot", "restore", id, url=server.url, status=2)  # there is no terminal to ask on
    assert server.weights() == after
    first, last = shown("snapshot", "restore", id, "--yes", url=server.url).splitlines()
    assert (server.weights(), last) == (before, f"restored {id}")
    undone = first.split()[1].rstrip(",")
    assert listed(server)[undone]["name"] == f"before {id} was restored"
    assert shown("snapshot", "restore", undone, "--yes", "--no-save", url=server.url) == f"restored {undone}\n"
    assert server.weights() == after


@pytest.mark.parametrize(("answer", "status"), [(b"n\n", 130), (b"y\n", 0)])
def test_a_terminal_is_asked_before_a_restore(server: RunningServer, answer: bytes, status: int) -> None:
    before, id = server.weights(), saved(server, "now")
    server.run(text="after")
    after = server.weights()
    outside, inside = pty.openpty()
    os.write(outside, answer)
    ended = subprocess.run(
        command("snapshot", "restore", id), env=environment(server.url), stdin=inside, capture_output=True, timeout=60
    )
    os.close(inside)
    os.close(outside)
    assert ended.returncode == status
    assert b"put the net back from tick" in ended.stderr
    assert server.weights() == (after if status else before)


def test_a_snapshot_is_downloaded_and_taken_back(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    id, file = saved(server, "here"), tmp_path / "net.safetensors"
    assert shown("snapshot", "download", id, str(file), url=server.url).startswith(f"{file}: ")
    assert "--force" in complaint("snapshot", "download", id, str(file), url=server.url)
    assert shown("snapshot", "download", id, str(file), "--force", url=server.url).startswith(f"{file}: ")
    small = shown("snapshot", "download", id, "--size", "1048576", "--lean", url=server.url).partition(":")[0]
    assert small == f"realnet-{id}-tick-{server.net()['tick']}-small.safetensors"
    assert Path(small).stat().st_size < file.stat().st_size
    assert "262144" in complaint("snapshot", "download", id, "another", "--size", "1000", url=server.url)
    name = shown("snapshot", "download", id, url=server.url).partition(":")[0]
    assert name == f"realnet-{id}-tick-{server.net()['tick']}.safetensors"
    assert Path(name).read_bytes() == file.read_bytes()
    sent = shown("snapshot", "upload", str(file), "--name", "back", url=server.url).partition(":")[0]
    assert (listed(server)[sent]["name"], listed(server)[sent]["job"]) == ("back", "upload")
    assert listed(server)[sent]["state_sha256"] == listed(server)[id]["state_sha256"]


def test_what_a_key_may_not_do_is_told(new_server: Callable[..., RunningServer], tmp_path: Path) -> None:
    keys = str(tmp_path / "keys")
    reader = shown("key", "create", "reader", "--scope", "read", "--file", keys).strip()
    server = new_server(neurons=1000, keys_file=keys)
    server.client.headers = {"Authorization": f"Bearer {reader}"}
    url = server.start().url
    (tmp_path / "net").write_bytes(b"something")
    for arguments in (
        ["snapshot", "save"],
        ["snapshot", "upload", str(tmp_path / "net")],
        ["pause"],
        ["set", "--no-plasticity"],
    ):
        assert "scope" in complaint("--url", url, "--key", reader, *arguments)
