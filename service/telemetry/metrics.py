"""Every number for Prometheus, read from what the engine published at the time of the scrape."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, StateSetMetricFamily
from prometheus_client.registry import Collector

from service.engine.engine import Engine
from service.engine.inbox import Inbox
from service.engine.output_ring import OutputRing
from service.engine.pace import Mode
from service.journal.journal import LoggedJournal
from service.snapshots.snapshotter import Snapshotter


class _Spine(Collector):
    def __init__(
        self,
        engine: Engine,
        inbox: Inbox,
        outputs: OutputRing,
        snapshotter: Snapshotter,
        journal: LoggedJournal | None,
    ) -> None:
        self._engine, self._inbox, self._outputs, self._snapshotter = engine, inbox, outputs, snapshotter
        self._journal = journal

    def collect(self) -> Iterator[Metric]:
        status, snapshotter = self._engine.status, self._snapshotter
        modes = {mode.value: mode is status.mode for mode in Mode}
        yield StateSetMetricFamily("realnet_mode", "What the net does", value=modes)
        for name, help, value in (
            ("up", "1 if the engine ticks", float(self._engine.alive)),
            ("tick", "The tick the net is at; goes back with a restore", status.tick),
            ("ticks_per_second", "Ticks computed, over about the last second", status.ticks_per_second),
            ("queue_depth_ticks", "Ticks accepted and not yet run", self._inbox.depth),
            ("queue_capacity_ticks", "Ticks that may be queued", self._inbox.capacity),
            ("generations", "Generations that run", status.generations),
            ("accuracy", "Moving prequential accuracy", status.accuracy),
            ("surprise_bits", "Moving prequential surprise of a token", status.surprise),
            ("learning_rate", "As in GET /v1/net", status.learning_rate),
            ("plasticity", "1 if inputs may change the weights", float(status.plasticity)),
            ("last_snapshot_timestamp_seconds", "When this process last saved one", snapshotter.last_at),
        ):
            if value is not None:
                yield GaugeMetricFamily(f"realnet_{name}", help, value=value)
        for name, help, count in (
            ("tokens_seen", "Tokens the net has lived through, in its whole life", status.tokens_seen),
            ("outputs", "OutputRing published by this process", self._outputs.end),
            ("outputs_lost", "OutputRing that readers were too slow for", self._outputs.lost),
            ("snapshots_saved", "Snapshots saved by this process", snapshotter.saved),
            ("snapshots_failed", "Snapshots that the store did not take", snapshotter.failed),
        ):
            yield CounterMetricFamily(f"realnet_{name}", help, value=count)
        if self._journal is not None:
            yield from self._of_journal(self._journal)

    def _of_journal(self, journal: LoggedJournal) -> Iterator[Metric]:
        replay = self._engine.replay
        for name, help, value in (
            ("up", "1 if it can be written; if not, nothing is learnt", float(journal.error is None)),
            ("last_record", "The number of the last one", journal.last),
            ("replay_records_left", "Records of before that are still to be read", replay.left if replay else 0),
        ):
            yield GaugeMetricFamily(f"realnet_journal_{name}", help, value=value)
        for name, help, count in (
            ("records", "Written by this process", journal.records),
            ("bytes", "Written by this process", journal.bytes),
            ("commits", "Writes of one or more records at once", journal.commits),
            ("seconds", "Spent in them", journal.seconds),
            ("failures", "Times that it could not be written", journal.failures),
        ):
            yield CounterMetricFamily(f"realnet_journal_{name}", help, value=count)


def open_registry(
    engine: Engine, inbox: Inbox, outputs: OutputRing, snapshotter: Snapshotter, journal: LoggedJournal | None = None
) -> CollectorRegistry:
    """A registry of its own: two servers in one process (a test) do not share their numbers."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(_Spine(engine, inbox, outputs, snapshotter, journal))
    return registry
