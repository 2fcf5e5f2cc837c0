"""What Prometheus sends, as bytes."""

from collections.abc import Iterable, Mapping

import cramjam

from service.streams.incoming.remote_write_pb2 import WriteRequest

HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


def written(series: Iterable[tuple[Mapping[str, str], Iterable[tuple[int, float]]]]) -> bytes:
    """Return the body with these series, each its labels and samples: milliseconds since 1970, and a value."""
    request = WriteRequest()
    for labels, samples in series:
        one = request.timeseries.add()
        for name, text in labels.items():
            one.labels.add(name=name, value=text)
        for timestamp, value in samples:
            one.samples.add(timestamp=timestamp, value=value)
    return packed(request.SerializeToString())


def packed(data: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(data))
