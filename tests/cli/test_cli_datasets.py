"""`realnet dataset`."""

from collections.abc import Callable
from pathlib import Path

from tests.cli.test_cli_keys import complaint, shown
from tests.running_server import RunningServer


def test_data_sets_are_sent_listed_and_removed(new_server: Callable[..., RunningServer], tmp_path: Path) -> None:
    url = new_server(inputs=1, outputs=1).start().url
    file = tmp_path / "a [b] table.csv"
    file.write_text("a,b\n0,1\n1,0\n")
    columns = ("--inputs", "a", "--targets", "b")
    id = shown("--url", url, "dataset", "add", str(file), *columns)
    assert shown("--url", url, "dataset", "add", str(file), *columns, "--name", "another") == id
    table = shown("--url", url, "dataset", "list").splitlines()
    assert [line.split() for line in table[1:]] == [[id, "a", "[b]", "table.csv", "vectors", "2", "0.0"]]
    assert shown("--url", url, "dataset", "remove", id) == f"removed {id}"
    assert len(shown("--url", url, "dataset", "list").splitlines()) == 1
    assert "no data set has this id" in complaint("--url", url, "dataset", "remove", id)
    assert "ID" in complaint("--url", url, "dataset", "remove", "../net", status=2)
    file.write_text("a,b\n0,1\n1,2\n")
    assert "line 3, b: not a number in [0, 1]" in complaint("--url", url, "dataset", "add", str(file), *columns)
    assert "No such file" in complaint("--url", url, "dataset", "add", str(tmp_path / "nothing.txt"))
