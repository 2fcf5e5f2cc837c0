"""Make the detectors, of lines or of values: the only place that knows them, and loads them late."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, cast

from realnet.checkpoint import Checkpoint
from realnet.client.streams import StreamOptions
from realnet.streams.told import Detector
from service.cli.watching.times import local_zone


class Kind(NamedTuple):
    """What streams are made of.

    Attributes:
        row: makes a row of a time and of what came.
        detector: makes a detector by options; of a checkpoint, where there is one, and then with those that are given
            anew. Raises ValueError for what cannot be chosen, and for any other checkpoint.
    """

    row: Callable[[float | None, Any], Any]
    detector: Callable[[dict[str, Any], Checkpoint | None], Detector[Any]]


def kind_of(is_metric: bool) -> Kind:
    """Return the kind of values, or that of lines."""
    return _values() if is_metric else _lines()


def options_there(is_metric: bool, options: dict[str, Any]) -> tuple[StreamOptions, StreamOptions]:
    """Return options as a server's stream has them: those that were chosen, and those of a stream that it begins."""
    if not is_metric:
        chosen = StreamOptions(budget=_budget(options)) if options else StreamOptions()
        return chosen, chosen
    chosen = cast(StreamOptions, options)
    return chosen, {"zone": local_zone(), **chosen}


def _values() -> Kind:
    from realnet.streams.metric import MetricDetector, Value
    from realnet.streams.value_options import ValueOptions

    def detector(options: dict[str, Any], checkpoint: Checkpoint | None) -> MetricDetector:
        if checkpoint is None:
            return MetricDetector(ValueOptions(**{"zone": local_zone(), **options}))
        detector = MetricDetector.from_checkpoint(checkpoint)
        detector.options = replace(detector.options, **options)
        return detector

    return Kind(Value, detector)


def _lines() -> Kind:
    from realnet.streams.lines import Line, LineDetector

    def detector(options: dict[str, Any], checkpoint: Checkpoint | None) -> LineDetector:
        detector = LineDetector() if checkpoint is None else LineDetector.from_checkpoint(checkpoint)
        if options:
            detector.budget = _budget(options)
        return detector

    return Kind(lambda at, text: Line(text, at), detector)


def _budget(options: dict[str, Any]) -> float:
    from realnet.streams.lines import BUDGET

    budgets = {"eager": 2 * BUDGET, "quiet": BUDGET / 2}  # about what these words mean of values
    return float(options["budget"] if "budget" in options else budgets[options["sensitivity"]])
