"""The numbers of every net in memory for Prometheus."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from service.api.deps import Edge
from service.telemetry.incoming import IncomingCollector
from service.telemetry.metrics import NetCollector
from service.telemetry.stream_metrics import StreamCollector


class EdgesCollector(Collector):
    """Reads the numbers of all nets that are in memory at that moment: others have none."""

    def __init__(self, edges: Callable[[], Iterable[Edge]]) -> None:
        self._edges = edges

    def collect(self) -> Iterator[Metric]:
        for edge in self._edges():
            runtime = edge.runtime
            yield from NetCollector(lambda runtime=runtime: runtime.parts).collect()  # type: ignore[misc]
            yield from StreamCollector(runtime.name, runtime.streams, edge.hooks).collect()
            yield from IncomingCollector(runtime.name, edge.incoming.tally).collect()
