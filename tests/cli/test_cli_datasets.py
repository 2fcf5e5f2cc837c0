"""`realnet dataset`."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.commands import complaint, shown
from tests.running_server import RunningServer


def test_data_sets_are_sent_listed_and_removed(new_server: Callable[..., RunningServer], tmp_path: Path) -> None:
    server = new_server(inputs=1, outputs=1).start()
    url = server.url
    file = tmp_path / "a [b] table.csv"
    file.write_text("a,b\n0,1\n1,0\n")
    columns = ("--inputs", "a", "--targets", "b")
    id = shown("dataset", "add", str(file), *columns, url=url).strip()
    assert shown("dataset", "add", str(file), *columns, "--name", "another", url=url) == f"{id}\n"
    table = shown("dataset", "list", url=url).splitlines()
    assert [line.split() for line in table[1:]] == [[id, "a", "[b]", "table.csv", "vectors", "2", "0.0"]]
    looked = shown("dataset", "show", id, url=url).splitlines()
    assert looked[0].split() == ["name", "a", "[b]", "table.csv"]
    assert looked[-2:] == ["0  ->  1", "1  ->  0"]
    assert json.loads(shown("dataset", "show", id, "--json", url=url))["preview"][1]["input"] == [1.0]
    [listed] = json.loads(shown("dataset", "list", "--json", url=url))
    assert server.client.get("/v1/datasets").json()["data"][0].items() <= listed.items()
    assert shown("dataset", "remove", id, url=url) == f"deleted {id}\n"
    assert len(shown("dataset", "list", url=url).splitlines()) == 1
    assert "no data set has this id" in complaint("dataset", "delete", id, url=url)
    assert "ID" in complaint("dataset", "delete", "../net", status=2, url=url)
    file.write_text("a,b\n0,1\n1,2\n")
    assert "line 3, b: not a number in [0, 1]" in complaint("dataset", "add", str(file), *columns, url=url)
    assert "No such file" in complaint("dataset", "add", str(tmp_path / "nothing.txt"), url=url)
