"""`realnet key`, and client commands that need one."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.running_server import RunningServer


def realnet(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    others = {name: value for name, value in os.environ.items() if not name.startswith("REALNET_")}
    return subprocess.run(
        [sys.executable, "-m", "service.cli.main", *arguments],
        capture_output=True,
        env=others | {"COLUMNS": "200"} | environment,
        input=b"some text",
        timeout=60,
    )


def shown(*arguments: str, **environment: str) -> str:
    ended = realnet(*arguments, **environment)
    assert (ended.returncode, ended.stderr) == (0, b"")
    return ended.stdout.decode().strip()


def complaint(*arguments: str, status: int = 1, **environment: str) -> str:
    ended = realnet(*arguments, **environment)
    assert (ended.returncode, ended.stdout) == (status, b"")
    assert ended.stderr.startswith(b"realnet: ")
    assert ended.stderr.count(b"\n") == 1
    return ended.stderr.decode()


def test_keys_are_created_listed_used_and_revoked(new_server: Callable[..., RunningServer], tmp_path: Path) -> None:
    file = str(tmp_path / "keys")
    reader = shown("key", "create", "reader", "--scope", "read", "--file", file)
    teacher = shown("key", "create", "teacher", REALNET_KEYS_FILE=file)
    assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600
    assert len({reader, teacher}) == 2
    assert shown("key", "list", "--file", file) == "reader  read\nteacher  teach"
    assert "has a key reader" in complaint("key", "create", "reader", "--file", file)
    assert "64 signs" in complaint("key", "create", "a b", "--file", file)

    server = new_server(neurons=1000, keys_file=file)
    server.client.headers = {"Authorization": f"Bearer {teacher}"}
    url = server.start().url
    assert "mode" in shown("--url", url, "--key", reader, "info")
    assert "9 tokens learnt" in shown("--url", url, "stream", "-", REALNET_KEY=teacher)
    assert shown("--url", url, "generate", "a", "--max-tokens", "3", REALNET_API_KEY=reader) is not None
    assert "send a key" in complaint("--url", url, "stream", "-")
    assert "no such key" in complaint("--url", url, "--key", "rn_wrong", "info")
    assert "scope teach" in complaint("--url", url, "--key", reader, "stream", "-")
    assert "scope admin" in complaint("--url", url, "--key", teacher, "snapshot", "save")
    assert "--key" in complaint("--url", url, "--key", "ä", "info", status=2)

    assert shown("key", "revoke", "reader", "--file", file) == "revoked reader"
    assert "has no key reader" in complaint("key", "revoke", "reader", "--file", file)
