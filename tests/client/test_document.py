"""The examples of docs/client.md, and the Python of the quickstart, against a real server."""

import re
from pathlib import Path

import pytest

from tests.running_server import RunningServer

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = [
    (page, block)
    for page in ("client.md", "quickstart.md")
    for block in re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    if "realnet.client" in block
]


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=[f"{page}-{at}" for at, (page, _) in enumerate(BLOCKS)])
def test_an_example_runs_as_printed(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str, block: str
) -> None:
    (tmp_path / "book.txt").write_text("it was the best of times\nit was the worst of times\n" * 20)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REALNET_URL", server.url)
    seen = server.net()["tokens_seen"]
    exec(compile(block, page, "exec"), {"__name__": "__main__"})
    if ".send(" in block and ".restore(" not in block:
        assert server.net()["tokens_seen"] > seen


def test_there_are_examples() -> None:
    assert len(BLOCKS) == 11
