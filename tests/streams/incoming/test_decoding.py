"""What Prometheus and OpenTelemetry send, read as rows of streams."""

import gzip
import json
import struct
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from promql_parser import VectorSelector, parse

from service.streams.incoming import otlp, prometheus
from service.streams.incoming.batch import Batch, Malformed, TooLarge, fit_name
from service.streams.incoming.remote_write_pb2 import WriteRequest
from service.streams.incoming.unpacking import gunzip
from service.streams.rows import NAME_LENGTH
from tests.streams.incoming.remote_write import packed, written

MOST = 2**20
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]

texts = st.text(max_size=20)
labels = st.dictionaries(texts.filter(lambda name: name != "__name__"), texts, max_size=5)
metrics = st.one_of(st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]*", fullmatch=True), st.text(min_size=1, max_size=20))
times = st.integers(0, 4_000_000_000_000)
values = st.floats(-1e300, 1e300)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(metrics, labels, st.lists(st.tuples(times, values), min_size=1, max_size=4)), max_size=5))
def test_all_samples_of_a_message_are_rows_by_series_and_time(
    series: list[tuple[str, dict[str, str], list[tuple[int, float]]]],
) -> None:
    batch = prometheus.decode(written(({"__name__": name, **rest}, samples) for name, rest, samples in series), MOST)
    expected: dict[str, list[tuple[float, float]]] = {}
    for name, rest, samples in series:
        rows = expected.setdefault(prometheus.name_of({"__name__": name, **rest}.items()), [])
        rows += [(at / 1000, value) for at, value in samples]
        rows.sort(key=lambda row: row[0])
    assert batch.rows == expected
    assert not batch.dropped


@settings(deadline=None, max_examples=50)
@given(metrics, labels)
def test_a_series_has_one_name_that_a_stream_may_have(metric: str, rest: dict[str, str]) -> None:
    name = prometheus.name_of({"__name__": metric, **rest}.items())
    assert 0 < len(name) <= NAME_LENGTH
    assert name.isprintable()
    assert name == prometheus.name_of(reversed({"__name__": metric, **rest}.items()))
    assert name != prometheus.name_of({"__name__": metric + "x", **rest}.items())


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({"job": "node", "__name__": "node_load1", "instance": "a:9100"}, 'node_load1{instance="a:9100",job="node"}'),
        ({"__name__": "up"}, "up"),
        ({"job": "x"}, '{job="x"}'),
        ({"__name__": "a", "p": 'C:\\ "x"\n\u200b'}, 'a{p="C:\\\\ \\"x\\"\\n\\u200b"}'),
        ({"__name__": "http.requests", "zone.id": "1", "a": "2"}, '{"http.requests",a="2","zone.id"="1"}'),
    ],
)
def test_a_series_is_named_as_promql_writes_it(labels: dict[str, str], name: str) -> None:
    assert prometheus.name_of(labels.items()) == name
    if "." not in name:
        selector = parse(name)
        assert isinstance(selector, VectorSelector)
        matched = {each.name: each.value for each in selector.matchers.matchers}
        assert matched == {key: value for key, value in labels.items() if key != "__name__"}


def test_a_name_that_is_too_long_ends_in_a_digest_of_all_of_it() -> None:
    names = {fit_name("x" * 300 + end) for end in "ab"}
    assert len(names) == 2
    assert {len(name) for name in names} == {NAME_LENGTH}
    assert fit_name("x" * 256) == "x" * 256


def test_what_is_no_row_is_counted() -> None:
    request = WriteRequest()
    series = request.timeseries.add()
    series.labels.add(name="__name__", value="x")
    for at, value in [
        (1000, STALE),
        (2000, float("nan")),
        (3000, float("inf")),
        (2**62, 1.0),
        (4000, 4.0),
        (3500, 3.0),
    ]:
        series.samples.add(timestamp=at, value=value)
    series.histograms.add()
    request.timeseries.add().samples.add(timestamp=1, value=1.0)  # of no name
    batch = prometheus.decode(packed(request.SerializeToString()), MOST)
    assert batch.rows == {"x": [(3.5, 3.0), (4.0, 4.0)]}
    assert batch.dropped == {"stale": 1, "unfit": 4, "histogram": 1}


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (
        lambda: prometheus.decode(data, MOST),
        lambda: prometheus.decode(packed(data), MOST),
        lambda: otlp.decode_protobuf(data),
        lambda: otlp.decode_json(data),
        lambda: gunzip(data, MOST),
    ):
        with suppress(Malformed, TooLarge):
            read()


def test_what_becomes_too_large_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(TooLarge, match="1000 bytes at most"):
        prometheus.decode(packed(bytes(1001)), 1000)
    with pytest.raises(TooLarge):
        prometheus.decode(b"\xff\xff\xff\xff\x0fx", 1000)  # says that it has 4 GiB
    with pytest.raises(TooLarge):
        gunzip(gzip.compress(bytes(1001)), 1000)
    with pytest.raises(TooLarge):
        gunzip(gzip.compress(bytes(600)) * 2, 1000)
    assert gunzip(gzip.compress(bytes(600)) + gzip.compress(b"x"), 1000) == bytes(600) + b"x"
    with pytest.raises(Malformed, match="too early"):
        gunzip(gzip.compress(bytes(600))[:-9], 1000)


def test_a_message_of_very_many_parts_is_refused() -> None:
    many = b"\x0a\x00" * 1_000_001  # each is empty
    with pytest.raises(TooLarge, match="1000000 parts"):
        prometheus.decode(packed(many), 2**24)
    with pytest.raises(TooLarge, match="1000000 parts"):
        otlp.decode_protobuf(many)
    with pytest.raises(TooLarge, match="1000000 parts"):
        otlp.decode_json(b'{"resourceLogs":[' + b",".join([b"{}"] * 1_000_001) + b"]}")


plain = st.recursive(
    st.one_of(st.text(max_size=9), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.binary()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), plain), max_size=5), st.text(min_size=1, max_size=9))
def test_json_and_protobuf_are_read_alike(records: list[tuple[int, Any]], service: str) -> None:
    request = ExportLogsServiceRequest()
    of_resource = request.resource_logs.add()
    of_resource.resource.attributes.add(key="service.name").value.string_value = service
    of_scope = of_resource.scope_logs.add()
    for nano, body in records:
        fill(of_scope.log_records.add(time_unix_nano=nano).body, body)
    as_json = {
        "resourceLogs": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
                "scopeLogs": [
                    {
                        "logRecords": [
                            {"timeUnixNano": str(nano), "traceId": "5b8e", "severityNumber": 9, "body": of_json(body)}
                            for nano, body in records
                        ]
                    }
                ],
            }
        ]
    }
    batch = otlp.decode_protobuf(request.SerializeToString())
    assert otlp.decode_json(json.dumps(as_json).encode()) == batch
    assert set(batch.rows) <= {fit_name(service)}
    assert sum(map(len, batch.rows.values())) + batch.dropped["unfit"] == len(records)


def fill(message: AnyValue, value: Any) -> None:
    match value:
        case bool():
            message.bool_value = value
        case str():
            message.string_value = value
        case int():
            message.int_value = value
        case float():
            message.double_value = value
        case bytes():
            message.bytes_value = value
        case list():
            message.array_value.SetInParent()
            for each in value:
                fill(message.array_value.values.add(), each)
        case dict():
            message.kvlist_value.SetInParent()
            for key, each in value.items():
                fill(message.kvlist_value.values.add(key=key).value, each)


def of_json(value: Any) -> dict[str, Any]:
    """Return an AnyValue as the official package writes it."""
    message = AnyValue()
    fill(message, value)
    return MessageToDict(message)


def log(record: dict[str, Any], **attributes: str) -> Batch:
    given = [{"key": key.replace("_", "."), "value": {"stringValue": value}} for key, value in attributes.items()]
    logs = {"resource": {"attributes": given}, "scopeLogs": [{"logRecords": [record]}]}
    return otlp.decode_json(json.dumps({"resourceLogs": [logs]}).encode())


@pytest.mark.parametrize(
    ("record", "row"),
    [
        ({"timeUnixNano": "1500000000", "body": {"stringValue": "a line"}}, (1.5, "a line")),
        ({"observedTimeUnixNano": 2500000000, "body": {"intValue": "7"}}, (2.5, "7")),
        ({"timeUnixNano": "0", "body": {"boolValue": False}}, (None, "false")),
        (
            {
                "body": {
                    "kvlistValue": {
                        "values": [{"key": "a", "value": {"arrayValue": {"values": [{"doubleValue": 1.5}]}}}]
                    }
                }
            },
            (None, '{"a":[1.5]}'),
        ),
    ],
)
def test_a_record_is_a_line_at_its_time(record: dict[str, Any], row: tuple[float | None, str]) -> None:
    assert log(record).rows == {"unknown_service": [row]}


def test_a_stream_is_named_by_its_service() -> None:
    record = {"body": {"stringValue": "x"}}
    assert list(log(record, service_name="shop").rows) == ["shop"]
    assert list(log(record, service_name="a\nb", service_namespace="n").rows) == ["n/a\\nb"]


def test_what_is_no_line_is_counted_and_what_is_too_deep_refused() -> None:
    assert log({"body": None}).dropped == log({"body": {"stringValue": ""}}).dropped == {"unfit": 1}
    deep: dict[str, Any] = {"stringValue": "x"}
    for _ in range(70):
        deep = {"arrayValue": {"values": [deep]}}
    with pytest.raises(Malformed, match="deeper"):
        log({"body": deep})
    with pytest.raises(Malformed, match=r"\$\.resourceLogs\[0\]\.scopeLogs\[0\]\.logRecords\[0\]\.timeUnixNano"):
        log({"timeUnixNano": -1})
