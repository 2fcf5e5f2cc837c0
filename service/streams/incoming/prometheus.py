"""Read Prometheus remote write 1.0: each series is a stream of values, named as PromQL writes it."""

import math
import re
import struct
from collections.abc import Iterable

import cramjam
from google.protobuf.message import DecodeError

from realnet.streams.zone import is_time
from service.streams.incoming.batch import Batch, Malformed, fit_name
from service.streams.incoming.remote_write_pb2 import TimeSeries, WriteRequest
from service.streams.incoming.unpacking import check_size

_STALE = struct.pack("<Q", 0x7FF0000000000002)  # the one NaN that says: this series has ended
_LARGEST = 1e300  # value of a stream
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_NAME = "__name__"


def decode(body: bytes, most: int) -> Batch:
    """Return the samples of a WriteRequest, those of each series by time.

    Raises Malformed, or TooLarge for more than `most` bytes.
    """
    try:
        request = WriteRequest.FromString(_unpacked(body, most))
    except DecodeError:
        raise Malformed("the body is not a prometheus.WriteRequest") from None
    batch = Batch()
    batch.note_parts(len(request.timeseries))
    for series in request.timeseries:
        _add(series, batch)
    return batch


def name_of(labels: Iterable[tuple[str, str]]) -> str:
    """Return the name of a stream: `node_load1{instance="a:9100",job="node"}`, the labels in order."""
    metric, matchers = "", []
    for label, value in sorted(labels):
        if label != _NAME:
            matchers.append(f"{label if _LABEL.fullmatch(label) else _quoted(label)}={_quoted(value)}")
        elif _METRIC.fullmatch(value):
            metric = value
        else:  # a name in UTF-8 is quoted, among the labels
            matchers.insert(0, _quoted(value))
    return fit_name(metric + ("{" + ",".join(matchers) + "}" if matchers else ""))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _add(series: TimeSeries, batch: Batch) -> None:
    batch.note_parts(len(series.labels) + len(series.samples))
    if histograms := len(series.histograms):
        batch.dropped["histogram"] += histograms
    rows = []
    for sample in series.samples:
        at, value = sample.timestamp / 1000, sample.value
        if math.isnan(value) and struct.pack("<d", value) == _STALE:
            batch.dropped["stale"] += 1
        elif not abs(value) <= _LARGEST or not is_time(at) or not series.labels:
            batch.dropped["unfit"] += 1
        else:
            rows.append((at, value))
    if rows:
        known = batch.rows.setdefault(name_of((each.name, each.value) for each in series.labels), [])
        known += rows
        known.sort(key=lambda row: row[0] or 0.0)


def _unpacked(data: bytes, most: int) -> bytes:
    """Unpack a block of snappy, which says at its beginning how large it was. Raises Malformed or TooLarge."""
    try:
        check_size(cramjam.snappy.decompress_raw_len(data), most)
        return bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError:
        raise Malformed("the body is not a block of snappy") from None
