"""`realnet dataset`."""

from collections.abc import Callable
from pathlib import Path

from tests.cli.commands import complaint, shown
from tests.running_server import RunningServer


def test_data_sets_are_sent_listed_and_removed(new_server: Callable[..., RunningServer], tmp_path: Path) -> None:
    url = new_server(inputs=1, outputs=1).start().url
    file = tmp_path / "a [b] table.csv"
    file.write_text("a,b\n0,1\n1,0\n")
    columns = ("--inputs", "a", "--targets", "b")
    id = shown("dataset", "add", str(file), *columns, url=url).strip()
    assert shown("dataset", "add", str(file), *columns, "--name", "another", url=url) == f"{id}\n"
    table = shown("dataset", "list", url=url).splitlines()
    assert [line.split() for line in table[1:]] == [[id, "a", "[b]", "table.csv", "vectors", "2", "0.0"]]
    assert shown("dataset", "remove", id, url=url) == f"removed {id}\n"
    assert len(shown("dataset", "list", url=url).splitlines()) == 1
    assert "no data set has this id" in complaint("dataset", "remove", id, url=url)
    assert "ID" in complaint("dataset", "remove", "../net", status=2, url=url)
    file.write_text("a,b\n0,1\n1,2\n")
    assert "line 3, b: not a number in [0, 1]" in complaint("dataset", "add", str(file), *columns, url=url)
    assert "No such file" in complaint("dataset", "add", str(tmp_path / "nothing.txt"), url=url)
