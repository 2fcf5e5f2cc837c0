"""`realnet key`, and client commands that need one."""

import stat
from collections.abc import Callable
from pathlib import Path

from tests.cli.commands import complaint, shown
from tests.running_server import RunningServer


def test_keys_are_created_listed_used_and_revoked(new_server: Callable[..., RunningServer], tmp_path: Path) -> None:
    file = str(tmp_path / "keys")
    reader = shown("key", "create", "reader", "--scope", "read", "--file", file).strip()
    teacher = shown("key", "create", "teacher", variables={"REALNET_KEYS_FILE": file}).strip()
    assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600
    assert len({reader, teacher}) == 2
    assert shown("key", "list", "--file", file) == "reader  read\nteacher  teach\n"
    assert "has a key reader" in complaint("key", "create", "reader", "--file", file)
    assert "64 signs" in complaint("key", "create", "a b", "--file", file)
    of_some = ("--nets", "logs, customer-*", "--rate-ticks", "1000", "--max-nets", "5", "--max-bytes", "2GiB")
    shown("key", "create", "maker", "--scope", "admin", *of_some, "--file", file)
    assert "maker  admin  nets=logs,customer-* rate_ticks=1000 max_nets=5 max_bytes=2147483648\n" in shown(
        "key", "list", "--file", file
    )
    assert "--nets" in complaint("key", "create", "wrong", "--nets", "Ö", "--file", file, status=2)
    assert "--max-bytes" in complaint("key", "create", "wrong", "--max-bytes", "2 G", "--file", file, status=2)

    server = new_server(neurons=1000, keys_file=file)
    server.client.headers = {"Authorization": f"Bearer {teacher}"}
    url = server.start().url
    assert "mode" in shown("--url", url, "--key", reader, "info")
    assert "9 tokens learnt" in shown(
        "--url", url, "stream", "-", given=b"some text", variables={"REALNET_KEY": teacher}
    )
    assert shown("--url", url, "generate", "a", "--max-tokens", "3", variables={"REALNET_API_KEY": reader}) is not None
    assert "--key or REALNET_KEY" in complaint("--url", url, "stream", "-")
    assert "no such key" in complaint("--url", url, "--key", "rn_wrong", "info")
    assert "scope teach" in complaint("--url", url, "--key", reader, "stream", "-", given=b"some text")
    assert "scope admin" in complaint("--url", url, "--key", teacher, "snapshot", "save")
    assert "--key" in complaint("--url", url, "--key", "ä", "info", status=2)

    assert shown("key", "revoke", "reader", "--file", file) == "revoked reader\n"
    assert "has no key reader" in complaint("key", "revoke", "reader", "--file", file)
