"""What is counted of all nets together, for Prometheus."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Tally:
    """How often nets were woken, how long that took, and how often it failed."""

    def __init__(self) -> None:
        self.failed = 0
        help = "How long it took to open a net that was not in memory"
        self.seconds = Histogram("realnet_net_waking_seconds", help, registry=None, buckets=_SECONDS)

    def woken(self, seconds: float) -> None:
        self.seconds.observe(seconds)


@dataclass(slots=True, frozen=True)
class Counts:
    """How many nets there are, and of those beside `default`, how many are in memory, and in how many bytes.

    What children have of their parents is in `parents_bytes` alone.
    """

    nets: int
    hot: int
    hot_bytes: int
    parents_bytes: int
    damaged: int
    tally: Tally


class NetsCollector(Collector):
    """Reads the numbers of all nets together."""

    def __init__(self, counts: Callable[[], Counts]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        counts = self._counts()
        yield GaugeMetricFamily("realnet_nets", "Nets, with the one named default", counts.nets)
        yield GaugeMetricFamily("realnet_nets_hot", "Nets in memory, beside the one named default", counts.hot)
        yield GaugeMetricFamily("realnet_nets_hot_bytes", "About how many bytes they take", counts.hot_bytes)
        help = "About how many bytes the parents take that these have; shards of a cluster on one machine share them"
        yield GaugeMetricFamily("realnet_nets_parents_bytes", help, counts.parents_bytes)
        yield GaugeMetricFamily("realnet_nets_damaged", "Nets that could not be opened or go on", counts.damaged)
        help = "Times that a net could not be opened"
        yield CounterMetricFamily("realnet_net_wakings_failed", help, counts.tally.failed)
        yield from counts.tally.seconds.collect()
