"""Every number for Prometheus, read from what the engine published at the time of the scrape."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, StateSetMetricFamily
from prometheus_client.registry import Collector

from service.engine.engine import Engine
from service.engine.feed import Lag
from service.engine.inbox import Inbox
from service.engine.output_ring import OutputRing
from service.engine.pace import Mode
from service.journal.journal import LoggedJournal
from service.snapshots.snapshotter import Snapshotter


@dataclass(slots=True, frozen=True)
class NetParts:
    """The parts of a net that have numbers."""

    name: str
    engine: Engine
    inbox: Inbox
    outputs: OutputRing
    snapshotter: Snapshotter
    journal: LoggedJournal | None
    lag: Lag | None  # of a server that follows


Rows = Sequence[tuple[str, str, float | None]]  # a metric's name, its help, and its value if there is one


class NetCollector(Collector):
    """Reads every number of one net; each carries the net's name."""

    def __init__(self, parts: Callable[[], NetParts]) -> None:
        self._now = parts

    def collect(self) -> Iterator[Metric]:
        self._parts = parts = self._now()  # a server that comes to lead has a journal then
        status = parts.engine.status
        modes = StateSetMetricFamily("realnet_mode", "What the net does", labels=["net"])
        modes.add_metric([parts.name], {mode.value: mode is status.mode for mode in Mode})
        yield modes
        yield from self._gauges(
            "realnet",
            [
                ("up", "1 if the engine ticks", parts.engine.alive),
                ("tick", "The tick the net is at; goes back with a restore", status.tick),
                ("ticks_per_second", "Ticks computed, over about the last second", status.ticks_per_second),
                ("queue_depth_ticks", "Ticks accepted and not yet run", parts.inbox.depth),
                ("queue_capacity_ticks", "Ticks that may be queued", parts.inbox.capacity),
                ("generations", "Generations that run", status.generations),
                ("accuracy", "Moving prequential accuracy; of dendrites an estimate", status.accuracy),
                ("surprise_bits", "Moving prequential surprise of a token", status.surprise),
                ("learning_rate", "As in GET /v1/net", status.learning_rate),
                ("plasticity", "1 if inputs may change the weights", status.plasticity),
                ("last_snapshot_timestamp_seconds", "When this process last saved one", parts.snapshotter.last_at),
            ],
        )
        yield from self._counters(
            "realnet",
            [
                ("tokens_seen", "Tokens the net has lived through, in its whole life", status.tokens_seen),
                ("outputs", "Outputs published by this process", parts.outputs.end),
                ("outputs_lost", "Outputs that readers were too slow for", parts.outputs.lost),
                ("snapshots_saved", "Snapshots saved by this process", parts.snapshotter.saved),
                ("snapshots_failed", "Snapshots that the store did not take", parts.snapshotter.failed),
            ],
        )
        if parts.journal is not None:
            yield from self._of_journal(parts.journal)
        if parts.lag is not None:
            yield from self._gauges(
                "realnet_follower",
                [
                    ("lag_records", "Records of the leader's journal that were read and not lived", parts.lag.records),
                    ("lag_ticks", "Ticks of them", parts.lag.ticks),
                    ("lag_seconds", "For how long the oldest waits, or nothing could be read", parts.lag.seconds),
                ],
            )

    def _of_journal(self, journal: LoggedJournal) -> Iterator[Metric]:
        replay = self._parts.engine.replay
        yield from self._gauges(
            "realnet_journal",
            [
                ("up", "1 if it can be written; if not, nothing is learnt", journal.error is None),
                ("last_record", "The number of the last one", journal.last),
                ("replay_records_left", "Records of before that are still to be read", replay.left if replay else 0),
            ],
        )
        yield from self._counters(
            "realnet_journal",
            [
                ("records", "Written by this process", journal.records),
                ("bytes", "Written by this process", journal.bytes),
                ("commits", "Writes of one or more records at once", journal.commits),
                ("seconds", "Spent in them", journal.seconds),
                ("failures", "Times that it could not be written", journal.failures),
            ],
        )

    def _gauges(self, prefix: str, rows: Rows) -> Iterator[Metric]:
        for name, help, value in rows:
            if value is not None:
                gauge = GaugeMetricFamily(f"{prefix}_{name}", help, labels=["net"])
                gauge.add_metric([self._parts.name], float(value))
                yield gauge

    def _counters(self, prefix: str, rows: Rows) -> Iterator[Metric]:
        for name, help, value in rows:
            if value is not None:
                counter = CounterMetricFamily(f"{prefix}_{name}", help, labels=["net"])
                counter.add_metric([self._parts.name], float(value))
                yield counter


class _Collected(CollectorRegistry):
    """What was collected before."""

    def __init__(self, families: Sequence[Metric]) -> None:
        super().__init__(auto_describe=False)
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def text_of(families: Sequence[Metric]) -> bytes:
    """Return metrics in the form that Prometheus reads; those of several nets under one name. For any thread."""
    merged: dict[str, Metric] = {}
    for family in families:
        if family.name in merged:
            merged[family.name].samples += family.samples
        else:
            merged[family.name] = family
    return generate_latest(_Collected(list(merged.values())))


def open_registry(*collectors: Collector) -> CollectorRegistry:
    """Make a registry of its own: two servers in one process (a test) do not share their numbers."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    for collector in collectors:
        registry.register(collector)
    return registry
