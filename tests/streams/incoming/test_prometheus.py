"""Prometheus writes to a server: each series becomes a stream, whatever is sent twice or is too much."""

import sys
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.streams import incoming
from tests.running_server import RunningServer, ThreadServer
from tests.streams.incoming.remote_write import HEADERS, packed, written

NewServer = Callable[..., ThreadServer]
START = 1_767_225_600_000  # milliseconds: 2026-01-01T00:00:00Z


def write(server: RunningServer, *series: tuple[dict[str, str], list[tuple[int, float]]]) -> httpx.Response:
    return server.client.post("/api/v1/write", content=written(series), headers=HEADERS)


def metric(name: str, values: list[float], start: int = START) -> tuple[dict[str, str], list[tuple[int, float]]]:
    return {"__name__": name}, [(start + 15_000 * number, value) for number, value in enumerate(values)]


def rows(server: RunningServer, name: str) -> list[tuple[str, float]]:
    answer = server.client.get("/v1/rows", params={"stream": name})
    assert answer.status_code == 200, answer.text
    return [(row["at"], row["value"]) for row in answer.json()["data"]]


def became(server: RunningServer, source: str = "prometheus") -> dict[str, float]:
    """Return how many rows became what."""
    families = text_string_to_metric_families(server.client.get("/metrics").text)
    samples = [each for family in families if family.name == "realnet_incoming_rows" for each in family.samples]
    return {each.labels["became"]: each.value for each in samples if each.labels["source"] == source}


@pytest.fixture
def fresh(new_server: NewServer) -> ThreadServer:
    return new_server(neurons=1000, streams=3).start()


def test_a_series_is_a_stream_of_values_at_their_times(fresh: ThreadServer) -> None:
    labels = {"__name__": "node_load1", "job": "node", "instance": "a:9100"}
    answer = write(fresh, (labels, [(START, 1.5), (START + 250, 2.5)]), metric("up", [1.0]))
    assert (answer.status_code, answer.content) == (204, b"")
    expected = [("2026-01-01T00:00:00Z", 1.5), ("2026-01-01T00:00:00.250000Z", 2.5)]
    assert rows(fresh, 'node_load1{instance="a:9100",job="node"}') == expected
    assert rows(fresh, "up") == [("2026-01-01T00:00:00Z", 1.0)]
    assert became(fresh) == {"taken": 3.0}


def test_what_is_sent_again_or_late_is_taken_once(fresh: ThreadServer) -> None:
    for _ in range(2):
        assert write(fresh, metric("up", [1, 2, 3])).status_code == 204
    assert write(fresh, metric("up", [9, 9, 9, 4])).status_code == 204
    assert [value for _, value in rows(fresh, "up")] == [1, 2, 3, 4]
    assert became(fresh) == {"taken": 4.0, "late": 6.0}


def test_what_is_sent_again_after_a_kill_is_taken_once(new_server: NewServer) -> None:
    server = new_server(neurons=1000, journal="always").start()
    series = [metric(f"m{number}", [float(each) for each in range(250)]) for number in range(4)]
    assert write(server, *series).status_code == 204
    server.kill()
    server.start()
    assert write(server, *series, metric("m0", [1.0], START + 10_000_000)).status_code == 204
    known = {each["name"]: each["rows"] for each in server.client.get("/v1/streams").json()["data"]}
    assert known == {"m0": 251, "m1": 250, "m2": 250, "m3": 250}


def test_a_sample_of_a_time_to_come_does_not_hold_up_those_behind_it(fresh: ThreadServer) -> None:
    now = int(time.time() * 1000)
    write(fresh, metric("up", [1, 2], now - 60_000), metric("up", [3], now + 3_600_000))
    assert write(fresh, metric("up", [4], now)).status_code == 204
    assert [value for _, value in rows(fresh, "up")] == [1, 2, 4]
    assert became(fresh)["early"] == 1


def test_series_beyond_the_limit_are_dropped_and_told_once(fresh: ThreadServer) -> None:
    series = [metric(f"m{number}", [1.0]) for number in range(5)]
    assert write(fresh, *series).status_code == 204
    assert write(fresh, *series).status_code == 204
    assert became(fresh) == {"taken": 3.0, "beyond_limit": 4.0, "late": 3.0}
    assert fresh.log.count("beyond REALNET_STREAMS") == 1


def test_what_a_stream_refuses_is_dropped_alone(fresh: ThreadServer) -> None:
    fresh.client.post("/v1/observe", json={"stream": "up", "lines": ["a line"]}).raise_for_status()
    assert write(fresh, metric("up", [1.0]), metric("load", [1.0])).status_code == 204
    assert became(fresh) == {"taken": 1.0, "refused": 1.0}
    assert [value for _, value in rows(fresh, "load")] == [1.0]


def test_a_message_waits_for_room_and_one_that_finds_none_is_to_be_sent_again(
    fresh: ThreadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.streams.streams.MOST_ROWS", 10)
    answer = write(fresh, metric("a", [1.0] * 11))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert write(fresh, *(metric(name, [1.0] * 8) for name in "abc")).status_code == 204
    assert became(fresh) == {"taken": 24.0}


def test_a_series_of_many_samples_is_taken_in_pieces(new_server: NewServer) -> None:
    server = new_server(neurons=1000, max_rows_per_request=10).start()
    assert write(server, metric("up", [float(each) for each in range(25)])).status_code == 204
    assert [value for _, value in rows(server, "up")] == list(range(25))


@pytest.mark.parametrize(
    ("status", "body", "headers", "detail"),
    [
        (415, b"", {"Content-Encoding": "gzip"}, "Content-Encoding: snappy"),
        (415, b"", {"Content-Type": "application/json"}, "application/x-protobuf"),
        (415, b"", {"X-Prometheus-Remote-Write-Version": "2.0.0"}, "remote write 1.0"),
        (415, b"", {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}, "remote write 1.0"),
        (400, b"no snappy", {}, "not a block of snappy"),
        (400, packed(b"\xff"), {}, "not a prometheus.WriteRequest"),
        (413, packed(bytes(17 * 2**20)), {}, "16777216 bytes at most when it is unpacked"),
        (204, b"\0", {"Content-Type": "application/x-protobuf;proto=prometheus.WriteRequest"}, ""),
    ],
)
def test_other_forms_are_refused_and_told_why(
    server: ThreadServer, status: int, body: bytes, headers: dict[str, str], detail: str
) -> None:
    answer = server.client.post("/api/v1/write", content=body, headers=HEADERS | headers)
    assert answer.status_code == status, answer.text
    if status != 204:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert detail in answer.json()["detail"]


@pytest.mark.parametrize(("path", "module"), [("/api/v1/write", "prometheus"), ("/v1/logs", "otlp")])
def test_without_its_packages_a_server_says_what_to_install(
    server: ThreadServer, monkeypatch: pytest.MonkeyPatch, path: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, f"service.streams.incoming.{module}", None)
    monkeypatch.delattr(incoming, module, raising=False)
    headers = HEADERS if module == "prometheus" else {"Content-Type": "application/x-protobuf"}
    answer: Any = server.client.post(path, content=b"", headers=headers).json()
    assert (answer["status"], answer["type"]) == (501, "/problems/not-installed")
    assert "pip install 'realnet-live[telemetry]'" in answer["detail"]
