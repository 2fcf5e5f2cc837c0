"""Numbers of streams and of hooks for Prometheus: as many rows as there are of them."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.hooks.hooks import Hooks
from service.streams.streams import Streams


class StreamCollector(Collector):
    """Reads the numbers of each stream and of each hook of one net."""

    def __init__(self, net: str, streams: Streams, hooks: Hooks) -> None:
        self._net, self._streams, self._hooks = net, streams, hooks

    def collect(self) -> Iterator[Metric]:
        labels = ["net", "stream"]
        score = GaugeMetricFamily("realnet_stream_score", "How new the last row was, in [0, 1)", labels=labels)
        ready = GaugeMetricFamily("realnet_stream_ready", "1 if it has seen enough to say anything", labels=labels)
        rows = CounterMetricFamily("realnet_stream_rows", "Rows, in the stream's whole life", labels=labels)
        alarms = CounterMetricFamily("realnet_stream_alarms", "Events that began, in its whole life", labels=labels)
        for info in self._streams.infos():
            row = [self._net, info.name]
            score.add_metric(row, info.score)
            ready.add_metric(row, float(info.remaining == 0))
            rows.add_metric(row, info.rows)
            alarms.add_metric(row, info.alarms)
        yield from (score, ready, rows, alarms)
        labels = ["net", "hook"]
        up = GaugeMetricFamily("realnet_hook_up", "1 unless the last try to send events was in vain", labels=labels)
        waiting = GaugeMetricFamily("realnet_hook_waiting", "Events that are still to be sent", labels=labels)
        sent = CounterMetricFamily("realnet_hook_events", "Events sent by this process", labels=labels)
        failures = CounterMetricFamily("realnet_hook_failures", "Tries in vain by this process", labels=labels)
        for id, delivery in self._hooks.deliveries.items():
            row = [self._net, id]
            up.add_metric(row, float(delivery.state.failures == 0))
            waiting.add_metric(row, delivery.waiting)
            sent.add_metric(row, delivery.sent)
            failures.add_metric(row, delivery.failed)
        yield from (up, waiting, sent, failures)
