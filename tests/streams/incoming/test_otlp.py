"""OpenTelemetry sends logs to a server: each service becomes a stream of lines."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from tests.running_server import RunningServer, ThreadServer

KEY = "a-key-for-the-tests-of-logs"


def lines(server: RunningServer, name: str) -> list[tuple[str | None, str]]:
    answer = server.client.get("/v1/rows", params={"stream": name})
    assert answer.status_code == 200, answer.text
    return [(row["at"], row["text"]) for row in answer.json()["data"]]


def message(*bodies: str, service: str = "shop") -> dict[str, Any]:
    named = [{"key": "service.name", "value": {"stringValue": service}}]
    records = [{"timeUnixNano": "1767225600000000000", "body": {"stringValue": body}} for body in bodies]
    return {"resourceLogs": [{"resource": {"attributes": named}, "scopeLogs": [{"logRecords": records}]}]}


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_a_real_exporter_is_understood(
    new_server: Callable[..., ThreadServer], compression: Compression, caplog: pytest.LogCaptureFixture
) -> None:
    server = new_server(neurons=1000, api_key=KEY)
    server.client.headers["authorization"] = f"Bearer {KEY}"
    server.start()
    exporter = OTLPLogExporter(
        f"{server.url}/v1/logs", headers={"authorization": f"Bearer {KEY}"}, compression=compression
    )
    provider = LoggerProvider(Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("a scope")
    logger.emit(LogRecord(timestamp=1767225600_500000000, body="paid 12 EUR"))
    logger.emit(LogRecord(timestamp=1767225601_000000000, body={"order": 7, "paid": True}))
    provider.shutdown()
    expected = [("2026-01-01T00:00:00.500000Z", "paid 12 EUR"), ("2026-01-01T00:00:01Z", '{"order":7,"paid":true}')]
    assert lines(server, "shop") == expected
    assert not [each for each in caplog.records if each.name.startswith("opentelemetry")]


def test_json_is_answered_with_json(server: ThreadServer) -> None:
    answer = server.client.post("/v1/logs", json=message("a line", service="json"))
    assert (answer.status_code, answer.json()) == (200, {})
    assert lines(server, "json") == [("2026-01-01T00:00:00Z", "a line")]


def test_what_is_not_taken_is_counted_in_the_answer(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(neurons=1000, streams=1).start()
    assert server.client.post("/v1/logs", json=message("a", "b")).json() == {}
    both = {"resourceLogs": [*message("c", "")["resourceLogs"], *message("d", "e", service="other")["resourceLogs"]]}
    partial = server.client.post("/v1/logs", json=both).json()["partialSuccess"]
    assert partial["rejectedLogRecords"] == "3"
    assert partial["errorMessage"] == "1 have no text, 2 are of streams beyond the limit of REALNET_STREAMS"
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add().body.string_value = "of no service"
    headers = {"Content-Type": "application/x-protobuf"}
    answer = server.client.post("/v1/logs", content=request.SerializeToString(), headers=headers)
    assert answer.headers["Content-Type"] == "application/x-protobuf"
    assert ExportLogsServiceResponse.FromString(answer.content).partial_success.rejected_log_records == 1
    assert [text for _, text in lines(server, "shop")] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("status", "body", "headers", "detail"),
    [
        (415, b"{}", {"Content-Type": "text/plain"}, "application/x-protobuf or application/json"),
        (415, b"{}", {"Content-Encoding": "zstd"}, "gzip"),
        (400, b"[]", {}, "ExportLogsServiceRequest"),
        (400, b"{}", {"Content-Encoding": "gzip"}, "not gzip"),
        (413, gzip.compress(bytes(17 * 2**20)), {"Content-Encoding": "gzip"}, "16777216 bytes at most"),
        (400, b"\xff", {"Content-Type": "application/x-protobuf"}, "ExportLogsServiceRequest"),
    ],
)
def test_other_forms_are_refused_and_told_why(
    server: ThreadServer, status: int, body: bytes, headers: dict[str, str], detail: str
) -> None:
    answer = server.client.post("/v1/logs", content=body, headers={"Content-Type": "application/json"} | headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert detail in answer.json()["detail"]


def test_a_message_that_finds_no_room_is_to_be_sent_again(
    server: ThreadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.streams.streams.MOST_ROWS", 0)
    answer = server.client.post("/v1/logs", json=message("a line"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
