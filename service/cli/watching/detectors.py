"""Make the detectors, of lines or of values: the only place that knows them, and loads them late."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from realnet.checkpoint import Checkpoint
from realnet.streams.told import Detector


class Kind(NamedTuple):
    """What streams are made of.

    Attributes:
        row: makes a row of a time and of what came.
        new: makes a detector by options, or raises ValueError for what cannot be chosen.
        load: makes one of a checkpoint and of options that are chosen anew, and raises the same.
    """

    row: Callable[[float | None, Any], Any]
    new: Callable[[dict[str, Any]], Detector[Any]]
    load: Callable[[Checkpoint, dict[str, Any]], Detector[Any]]


def kind_of(is_metric: bool) -> Kind:
    """Return the kind of values, or that of lines."""
    return _values() if is_metric else _lines()


def _values() -> Kind:
    from realnet.streams.metric import MetricDetector, Value
    from realnet.streams.value_options import ValueOptions

    def load(checkpoint: Checkpoint, options: dict[str, Any]) -> MetricDetector:
        detector = MetricDetector.from_checkpoint(checkpoint)
        detector.options = replace(detector.options, **options)
        return detector

    return Kind(Value, lambda options: MetricDetector(ValueOptions(**options)), load)


def _lines() -> Kind:
    from realnet.streams.lines import Line, LineDetector

    return Kind(lambda at, text: Line(text, at), lambda options: LineDetector(**options), _loads_lines)  # noqa
