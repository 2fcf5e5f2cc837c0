"""Read logs of OpenTelemetry, OTLP by HTTP: each service is a stream of lines."""

import base64
import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, TypeAlias

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from service.streams.incoming.batch import Batch, Malformed, fit_name

UNKNOWN = "unknown_service"  # what OpenTelemetry calls one that does not say its name
_DEEPEST = 64  # of what is in a body: lists in lists
_NANO = 1_000_000_000

_Nanoseconds = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None


# The messages as JSON, with the names of the fields of the official ones; what nobody reads is left out. Their own
# reader of JSON takes a hundred times as long, and holds everybody up meanwhile.


class _Value(msgspec.Struct, rename="camel", gc=False):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | None = None
    double_value: float | str | None = None
    bytes_value: str | None = None
    array_value: "_Values | None" = None
    kvlist_value: "_Attributes | None" = None


class _Values(msgspec.Struct, gc=False):
    values: list[_Value] | None = None


class _Attribute(msgspec.Struct, gc=False):
    key: str = ""
    value: _Value | None = None


class _Attributes(msgspec.Struct, gc=False):
    values: list[_Attribute] | None = None


class _Resource(msgspec.Struct, gc=False):
    attributes: list[_Attribute] | None = None


class _Record(msgspec.Struct, rename="camel", gc=False):
    time_unix_nano: _Nanoseconds = None
    observed_time_unix_nano: _Nanoseconds = None
    body: _Value | None = None


class _ScopeLogs(msgspec.Struct, rename="camel", gc=False):
    log_records: list[_Record] | None = None


class _ResourceLogs(msgspec.Struct, rename="camel", gc=False):
    resource: _Resource | None = None
    scope_logs: list[_ScopeLogs] | None = None


class _Request(msgspec.Struct, rename="camel", gc=False):
    resource_logs: list[_ResourceLogs] | None = None


_Given: TypeAlias = AnyValue | _Value | None
_json = msgspec.json.Decoder(_Request, strict=False)  # whole numbers of 64 bits are texts in protobuf's JSON


def decode_protobuf(body: bytes) -> Batch:
    """Return the lines of an ExportLogsServiceRequest. Raises Malformed or TooLarge."""
    try:
        return _batch(ExportLogsServiceRequest.FromString(body))
    except DecodeError:
        raise Malformed("the body is not an ExportLogsServiceRequest") from None


def decode_json(body: bytes) -> Batch:
    """Return the lines of an ExportLogsServiceRequest that is JSON. Raises Malformed or TooLarge."""
    try:
        return _batch(_json.decode(body))
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed(f"the body is not an ExportLogsServiceRequest in JSON: {error}") from None


def answer_protobuf(rejected: int, why: str) -> bytes:
    """Return an ExportLogsServiceResponse."""
    response = ExportLogsServiceResponse()
    if rejected:
        response.partial_success.rejected_log_records = rejected
        response.partial_success.error_message = why
    return response.SerializeToString()


def answer_json(rejected: int, why: str) -> bytes:
    """Return the same in JSON."""
    partial = {"rejectedLogRecords": str(rejected), "errorMessage": why}
    return msgspec.json.encode({"partialSuccess": partial} if rejected else {})


def _batch(request: ExportLogsServiceRequest | _Request) -> Batch:
    batch = Batch()
    for of_resource in _parts(request.resource_logs, batch):
        resource = of_resource.resource
        name = _name_of(() if resource is None else _parts(resource.attributes, batch), batch)
        for of_scope in _parts(of_resource.scope_logs, batch):
            for record in _parts(of_scope.log_records, batch):
                line = _line_of(record.body, batch)
                if line:
                    nano = record.time_unix_nano or record.observed_time_unix_nano
                    batch.rows.setdefault(name, []).append((nano / _NANO if nano else None, line))
                else:
                    batch.dropped["unfit"] += 1
    return batch


def _parts(parts: Sequence[Any] | None, batch: Batch) -> Sequence[Any]:
    """Return a list of the message, which is to be read. Raises TooLarge."""
    batch.note_parts(len(parts or ()))
    return parts or ()


def _name_of(attributes: Iterable[KeyValue | _Attribute], batch: Batch) -> str:
    """Return the name of a service, as that of a job in Prometheus: `shop/checkout`, in the namespace `shop`."""
    known = {each.key: _line_of(each.value, batch) for each in attributes if each.key.startswith("service.name")}
    name, namespace = known.get("service.name") or UNKNOWN, known.get("service.namespace")
    return fit_name(f"{namespace}/{name}" if namespace else name)


def _line_of(value: _Given, batch: Batch) -> str:
    """Return a text as it is, and anything else as compact JSON; of nothing an empty text."""
    plain = _plain(value, batch, 0)
    if isinstance(plain, str):
        return plain
    return "" if plain is None else msgspec.json.encode(plain).decode()


def _plain(value: _Given, batch: Batch, depth: int) -> Any:
    """Return a value in Python's own types. Raises Malformed for what is too deep, and TooLarge."""
    if depth > _DEEPEST:
        raise Malformed(f"a body is deeper than {_DEEPEST} lists in lists")
    kind = _kind_of(value)
    if value is None or kind is None:
        return None
    given = getattr(value, kind)
    if kind == "array_value":
        return [_plain(each, batch, depth + 1) for each in _parts(given.values, batch)]
    if kind == "kvlist_value":
        return {each.key: _plain(each.value, batch, depth + 1) for each in _parts(given.values, batch)}
    if isinstance(given, float) and not math.isfinite(given):  # as protobuf's JSON has them
        return "NaN" if math.isnan(given) else "Infinity" if given > 0 else "-Infinity"
    return base64.b64encode(given).decode() if isinstance(given, bytes) else given


def _kind_of(value: _Given) -> str | None:
    """Return the name of the field that is set."""
    if isinstance(value, AnyValue):
        return value.WhichOneof("value")
    return next((each for each in _Value.__struct_fields__ if getattr(value, each, None) is not None), None)
