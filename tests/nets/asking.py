"""What the tests of many nets ask a server."""

from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.running_server import RunningServer

SMALL = {"variant": "compact", "memory": 2**16}


def create(server: RunningServer, *names: str, **form: object) -> None:
    """Make small nets, which count no ticks while nothing comes."""
    for name in names:
        body = {"name": name, "tick_hz": 0.001} | (form or SMALL)
        assert server.client.post("/v1/nets", json=body).status_code == 201


def teach(server: RunningServer, name: str, text: str, **others: object) -> httpx.Response:
    path = f"/v1/nets/{name}/inputs"
    return server.client.post(path, params={"wait": "true", "outputs": "none"}, json={"text": text} | others)


def state_of(server: RunningServer, name: str) -> str:
    return str(server.client.get(f"/v1/nets/{name}").raise_for_status().json()["state"])


def hash_of(server: RunningServer, name: str) -> str:
    """Return the hash of all that a net is; this wakes it."""
    told = server.client.get(f"/v1/nets/{name}/net", params={"hash": "true"})
    return str(told.raise_for_status().json()["state_sha256"])


def listed(server: RunningServer, **parameters: str) -> list[str]:
    return [each["name"] for each in server.client.get("/v1/nets", params=parameters).raise_for_status().json()["data"]]


def numbers(server: RunningServer) -> dict[str, dict[str, float]]:
    """Return every number of the metrics, by its name and the net that it is of, "" for the server's own."""
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(server.client.get("/metrics").raise_for_status().text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[sample.labels.get("net", "")] = sample.value
    return found


def problem(response: httpx.Response) -> tuple[int, str]:
    body: dict[str, Any] = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, body["type"].removeprefix("/problems/")
