"""What became of the rows that others sent, for Prometheus."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from service.streams.incoming.batch import Became, Source


class IncomingCollector(Collector):
    """Reads how many rows came, by where they came from and what became of them."""

    def __init__(self, net: str, tally: Counter[tuple[Source, Became]]) -> None:
        self._net, self._tally = net, tally

    def collect(self) -> Iterator[Metric]:
        labels = ["net", "source", "became"]
        rows = CounterMetricFamily("realnet_incoming_rows", "Rows of streams that others sent", labels=labels)
        for (source, became), count in sorted(self._tally.items()):
            rows.add_metric([self._net, source, became], float(count))
        yield rows
