"""The dashboard for Grafana: Grafana knows all that is in it, and a server exports all that it asks for."""

import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families

from tests.running_server import ThreadServer

DASHBOARD: dict[str, Any] = json.loads((Path(__file__).parents[1] / "docker/grafana/realnet.json").read_text())
PANELS = DASHBOARD["panels"]
EXPRESSIONS = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
every_expression = pytest.mark.parametrize("expression", dict.fromkeys(each for _, each in EXPRESSIONS))


def metrics_in(expression: str) -> set[str]:
    without_labels = re.sub(r"\{.*?\}", "", expression)
    return set(re.findall(r"\b(?:realnet|process|python)_\w+", without_labels))


@pytest.fixture(scope="module")
def exported(server: ThreadServer) -> dict[str, set[str]]:
    """Return the labels of every metric of a server that has learnt and saved something, and watches a stream."""
    server.run(text="it lives")
    server.snapshot()
    server.client.post("/v1/observe", json={"stream": "cpu", "values": [1.0]})
    server.client.post("/v1/hooks", json={"url": server.url})
    families = text_string_to_metric_families(server.client.get("/metrics").text)
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


def test_grafana_knows_all_that_is_in_it() -> None:
    read = Dashboard.from_json(DASHBOARD)
    assert json.loads(JSONEncoder(sort_keys=True).encode(read)) == DASHBOARD


def test_panels_have_a_number_and_a_place_of_their_own() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        assert columns.stop <= 24, panel["title"]
        cells = {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        ids = [target["refId"] for target in panel["targets"]]
        assert len(set(ids)) == len(ids), panel["title"]


@every_expression
def test_an_expression_is_one_of_prometheus(expression: str) -> None:
    promql_parser.parse(expression.replace("$__rate_interval", "1m"))


@every_expression
def test_all_that_is_asked_for_is_exported(expression: str, exported: dict[str, set[str]]) -> None:
    names = metrics_in(expression)
    assert names
    assert names <= set(exported)
    for name, labels in re.findall(r"(\w+)\{(.*?)\}", expression):
        assert set(re.findall(r"(\w+)=", labels)) <= exported[name]


def test_only_variables_of_its_own_are_used() -> None:
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD))) - {"__rate_interval"}
    assert used == {variable["name"] for variable in DASHBOARD["templating"]["list"]}
