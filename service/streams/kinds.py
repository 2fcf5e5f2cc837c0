"""Make detectors of each kind, have them tell of rows, and change what a person may choose of them."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from realnet.checkpoint import Checkpoint
from realnet.streams.json_events import EventDetector, JsonEvent
from realnet.streams.lines import BUDGET, Line, LineDetector
from realnet.streams.metric import MetricDetector, Value
from realnet.streams.several import SeveralDetector, Values
from realnet.streams.told import Told
from realnet.streams.value_options import ValueOptions
from service.streams.rows import Kind, Row, What

AnyDetector: TypeAlias = LineDetector | MetricDetector | SeveralDetector | EventDetector


class _Kind(NamedTuple):
    """What a detector of a kind is made of, and what its rows are."""

    detector: type[AnyDetector]
    row: Callable[[float | None, Any], Any]


_KINDS: dict[Kind, _Kind] = {
    "lines": _Kind(LineDetector, lambda at, what: Line(what, at)),
    "values": _Kind(MetricDetector, Value),
    "several": _Kind(SeveralDetector, lambda at, what: Values(at, json.loads(what))),
    "events": _Kind(EventDetector, lambda at, what: JsonEvent(json.loads(what), at)),
}


def newborn(kind: Kind, options: Mapping[str, Any]) -> AnyDetector:
    """Return a new detector. Raises ValueError for what cannot be chosen."""
    detector = _KINDS[kind].detector()
    if isinstance(detector, MetricDetector | SeveralDetector):
        return type(detector)(_value_options(detector.options, options))  # which chooses the expert, too
    change_(detector, options)
    return detector


def revived(kind: Kind, data: bytes) -> AnyDetector:
    """Return the detector whose checkpoint has these bytes. Raises ValueError."""
    return _KINDS[kind].detector.from_checkpoint(Checkpoint.from_bytes(data))


def options_of(detector: AnyDetector) -> dict[str, str | float | None]:
    """Return what was chosen."""
    if isinstance(detector, MetricDetector | SeveralDetector):
        return detector.options.to_json()
    return {"budget": detector.budget}


def change_(detector: AnyDetector, options: Mapping[str, Any]) -> None:
    """Choose something else. Raises ValueError, with nothing changed, for what cannot be chosen."""
    if isinstance(detector, MetricDetector | SeveralDetector):
        detector.options = _value_options(detector.options, options)
        return
    if unknown := set(options) - {"budget"}:
        raise ValueError(f"such a stream has no {', '.join(sorted(unknown))}, but budget")
    if "budget" in options:
        detector.budget = BUDGET if options["budget"] is None else options["budget"]


def run(kind: Kind, detector: AnyDetector, rows: list[Row], learn: list[bool]) -> list[Told]:
    """Have a detector tell of rows of its kind. Raises ValueError, with nothing changed."""
    make = _KINDS[kind].row
    return detector.run([make(at, what) for at, what in rows], learn)


def as_sent(kind: Kind, what: What) -> dict[str, Any]:
    """Return what came as it was sent, under the name that rows of its kind have for it."""
    if isinstance(what, float):
        return {"value": None if math.isnan(what) else what}
    return {"text": what} if kind == "lines" else {"values" if kind == "several" else "fields": json.loads(what)}


def _value_options(before: ValueOptions, options: Mapping[str, Any]) -> ValueOptions:
    try:
        return replace(before, **options)
    except TypeError as error:
        known = ", ".join(before.to_json())
        raise ValueError(f"a stream of values has no such option; there are {known}") from error
