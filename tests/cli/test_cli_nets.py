"""`realnet nets`, and commands that are about one of several nets."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import complaint, realnet, shown
from tests.running_server import RunningServer

SMALL = ("--variant", "fast", "--max-lines", "4096", "--tick-hz", "0.001")


@pytest.fixture
def notes(server: RunningServer) -> Iterator[str]:
    shown("nets", "create", "notes", *SMALL, url=server.url)
    yield "notes"
    server.client.delete("/v1/nets/notes")


def test_nets_are_created_listed_shown_changed_and_deleted(server: RunningServer) -> None:
    made = shown("nets", "create", "arm", "--kind", "frames", "--inputs", "3", "--outputs", "2", url=server.url)
    assert [line.split() for line in made.splitlines()[:3]] == [["net", "arm"], ["kind", "frames"], ["state", "cold"]]
    of_ids = ("--vocabulary", "symbols:9", "--device", "cpu")
    symbols = shown("nets", "create", "ids", *of_ids, *SMALL, "--json", url=server.url)
    assert json.loads(symbols)["settings"] == {
        "device": "cpu",
        "max_lines": 4096,
        "tick_hz": 0.001,
        "variant": "fast",
        "vocabulary": "symbols:9",
    }
    head, *rows = shown("nets", "list", url=server.url).splitlines()
    assert head.split() == ["net", "kind", "state", "tick", "MB", "created"]
    assert [row.split()[:3] for row in rows] == [
        ["arm", "frames", "cold"],
        ["default", "tokens", "hot"],
        ["ids", "tokens", "cold"],
    ]
    assert [net["name"] for net in json.loads(shown("nets", "list", "--prefix", "a", "--json", url=server.url))] == [
        "arm"
    ]
    assert "--device: cpu, cuda or cuda:N" in complaint("nets", "change", "arm", "--device", "gpu", url=server.url)
    assert "tick hz  2" in shown("nets", "change", "arm", "--tick-hz", "2", url=server.url)
    assert json.loads(shown("nets", "show", "arm", "--json", url=server.url))["settings"]["tick_hz"] == 2

    assert "--yes" in complaint("nets", "delete", "arm", url=server.url, status=2)
    for name in ("arm", "ids"):
        assert shown("nets", "delete", name, "--yes", url=server.url) == f"deleted {name}\n"
    assert "no net" in complaint("nets", "show", "arm", url=server.url)
    assert "there is a net" in complaint("nets", "create", "default", url=server.url)
    assert "--device: cpu, cuda or cuda:N" in complaint("nets", "create", "b", "--device", "auto", url=server.url)
    assert "--neurons" in complaint("nets", "create", "b", "--neurons", "0", url=server.url)
    assert "--device or a limit" in complaint("nets", "change", "arm", url=server.url, status=2)
    assert "64 signs" in complaint("nets", "show", "../net", url=server.url)


def test_a_child_is_created_of_a_snapshot(server: RunningServer, notes: str) -> None:
    saved = server.client.post(f"/v1/nets/{notes}/snapshots").raise_for_status().json()
    parent = f"notes@{saved['id']}"
    made = shown("nets", "create", "child", "--parent", parent, "--lines", "8192", url=server.url)
    assert f"parent         {parent}\nown lines      8,192\nmay be merged  no\n" in made
    assert "it has 1" in complaint("nets", "delete", notes, "--yes", url=server.url)
    assert "as default@00000001" in complaint("nets", "create", "b", "--parent", "notes", url=server.url, status=2)
    assert "--variant: a child" in complaint(
        "nets", "create", "b", "--parent", parent, "--variant", "fast", url=server.url
    )
    assert "without consent are child" in complaint("nets", "merge", parent, "child", url=server.url)
    assert "may be merged  yes" in shown("nets", "consent", "child", "--merge", url=server.url)
    after = f"notes@{server.client.post(f'/v1/nets/{notes}/snapshots').raise_for_status().json()['id']}"
    assert b"rebased   1" in realnet("nets", "rebase", after, "child", "--of", "notes", url=server.url).stdout
    assert server.client.get("/v1/nets/child").json()["parent"]["snapshot"] == after[-8:]
    assert "CHILD: no child" in complaint("nets", "rebase", after, "none", url=server.url)
    shown("nets", "delete", "child", "--yes", url=server.url)


def test_limits_are_given_shown_and_taken_away(server: RunningServer, notes: str) -> None:
    limits = ("--rate-ticks", "50000", "--rate-requests", "0.5", "--snapshots-kept", "1")
    made = shown("nets", "create", "bounded", *SMALL, *limits, url=server.url)
    assert "rate requests   0.5\nrate ticks      50,000\nsnapshots kept  1\n" in made
    changed = shown("nets", "change", "bounded", "--rate-requests", "0", "--snapshots-kept", "0", url=server.url)
    assert "rate ticks" in changed
    assert "rate requests" not in changed
    assert "snapshots kept" not in changed
    assert "rate ticks" not in shown("nets", "show", notes, url=server.url)
    assert "rate_ticks" in complaint("nets", "change", notes, "--rate-ticks", "1e10", url=server.url)
    shown("nets", "delete", "bounded", "--yes", url=server.url)


def test_each_command_is_about_the_net_that_is_named(server: RunningServer, notes: str, tmp_path: Path) -> None:
    named = {"REALNET_NET": notes}
    text = b"the notes of one who writes"
    assert "27 tokens learnt" in shown("--net", notes, "stream", "-", url=server.url, given=text)
    assert "name           notes\n" in shown("info", url=server.url, variables=named)
    assert "27" in shown("--net", notes, "info", url=server.url)
    assert "name           default\n" in shown("--net", "default", "info", url=server.url, variables=named)
    assert shown("generate", "the ", "--max-tokens", "3", url=server.url, variables=named)
    saved = shown("--net", notes, "snapshot", "save", url=server.url)
    assert saved.startswith("00000001: tick 27")
    assert shown("snapshot", "list", url=server.url).splitlines()[1:] == []
    assert "no net" in complaint("--net", "none", "info", url=server.url)
    assert "--net" in complaint("--net", "A", "info", url=server.url, status=2)
    assert "--net stands before the command: `realnet --net … info`" in complaint("info", "--net", "a", status=2)

    lines = tmp_path / "lines"
    lines.write_text("".join(f"session {number} opened\n" for number in range(9)))
    assert realnet("watch", "--url", server.url, "--net", notes, "--stream", "web-1", str(lines)).returncode == 0
    assert "web-1" in shown("--net", notes, "streams", "list", url=server.url)
    assert "web-1" not in shown("streams", "list", url=server.url)
    assert "--url" in complaint("watch", "--net", notes, str(lines), status=2)
