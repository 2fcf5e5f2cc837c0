"""What a gateway did, for Prometheus."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Tally(Collector):
    """Counts by shard.

    Attributes:
        passed: requests that a shard has answered.
        failed: requests that were refused, since the shard was away.
        waited: requests that found the shard gone, and waited for it.
        streams: WebSockets that are open.
        up: whether it is known where the shard is.
    """

    def __init__(self, count: int) -> None:
        self.passed, self.failed, self.waited = [0] * count, [0] * count, [0] * count
        self.streams = [0] * count
        self.up = [False] * count

    def collect(self) -> Iterator[Metric]:
        for name, help, counted in (
            ("passed", "Requests that a shard has answered", self.passed),
            ("failed", "Requests that were refused with 503, since the shard was away", self.failed),
            ("waited", "Requests that found the shard gone, and waited for it", self.waited),
        ):
            yield _by_shard(CounterMetricFamily(f"realnet_gateway_{name}", help, labels=["shard"]), counted)
        for name, help, now in (
            ("streams", "WebSockets that are open", self.streams),
            ("shard_up", "1 if it is known where the shard is", self.up),
        ):
            yield _by_shard(GaugeMetricFamily(f"realnet_gateway_{name}", help, labels=["shard"]), now)


_Family = TypeVar("_Family", CounterMetricFamily, GaugeMetricFamily)


def _by_shard(family: _Family, values: Sequence[float]) -> _Family:
    for shard, value in enumerate(values):
        family.add_metric([str(shard)], float(value))
    return family
