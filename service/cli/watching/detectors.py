"""Make the detectors of each kind: the only place that knows them, and loads them late."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, cast

from realnet.checkpoint import Checkpoint
from realnet.client.streams import StreamKind, StreamOptions
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


def kind_of(kind: StreamKind) -> Kind:
    """Return what streams of a kind are made of."""
    return {"lines": _lines, "values": _values, "several": _several, "events": _events}[kind]()


def options_there(kind: StreamKind, options: dict[str, Any]) -> tuple[StreamOptions, StreamOptions]:
    """Return options as a server's stream has them: those that were chosen, and those of a stream that it begins."""
    if kind in ("lines", "events"):
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


def _several() -> Kind:
    from realnet.streams.several import SeveralDetector, Values

    def detector(options: dict[str, Any], checkpoint: Checkpoint | None) -> SeveralDetector:
        if checkpoint is None:
            usual = SeveralDetector().options
            return SeveralDetector(replace(usual, **{"zone": local_zone(), **options}))
        detector = SeveralDetector.from_checkpoint(checkpoint)
        detector.options = replace(detector.options, **options)
        return detector

    return Kind(Values, detector)


def _events() -> Kind:
    from realnet.streams.json_events import EventDetector, JsonEvent

    def detector(options: dict[str, Any], checkpoint: Checkpoint | None) -> EventDetector:
        detector = EventDetector() if checkpoint is None else EventDetector.from_checkpoint(checkpoint)
        if options:
            detector.budget = _budget(options)
        return detector

    return Kind(lambda at, fields: JsonEvent(fields, at), detector)


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
