"""Make detectors of lines and of values, and change what a person may choose of them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from realnet.checkpoint import Checkpoint
from realnet.streams.lines import BUDGET, Line, LineDetector
from realnet.streams.metric import MetricDetector, Value
from realnet.streams.value_options import ValueOptions
from service.streams.rows import Kind, Row

AnyDetector: TypeAlias = LineDetector | MetricDetector


def newborn(kind: Kind, options: Mapping[str, Any]) -> AnyDetector:
    """Return a new detector. Raises ValueError for what cannot be chosen."""
    if kind == "values":
        return MetricDetector(_value_options(ValueOptions(), options))
    detector = LineDetector()
    change_(detector, options)
    return detector


def revived(kind: Kind, data: bytes) -> AnyDetector:
    """Return the detector whose checkpoint has these bytes. Raises ValueError."""
    checkpoint = Checkpoint.from_bytes(data)
    return (MetricDetector if kind == "values" else LineDetector).from_checkpoint(checkpoint)


def options_of(detector: AnyDetector) -> dict[str, str | float | None]:
    """Return what was chosen."""
    if isinstance(detector, MetricDetector):
        return detector.options.to_json()
    return {"budget": detector.budget}


def change_(detector: AnyDetector, options: Mapping[str, Any]) -> None:
    """Choose something else. Raises ValueError, with nothing changed, for what cannot be chosen."""
    if isinstance(detector, MetricDetector):
        detector.options = _value_options(detector.options, options)
        return
    if unknown := set(options) - {"budget"}:
        raise ValueError(f"a stream of lines has no {', '.join(sorted(unknown))}, but budget")
    if "budget" in options:
        detector.budget = BUDGET if options["budget"] is None else options["budget"]


def run(detector: AnyDetector, rows: list[Row], learn: list[bool]) -> "list[Any]":
    """Have a detector tell of rows of its kind. Raises ValueError, with nothing changed."""
    if isinstance(detector, MetricDetector):
        return detector.run([Value(at, what) for at, what in rows if not isinstance(what, str)], learn)
    return detector.run([Line(what, at) for at, what in rows if isinstance(what, str)], learn)


def _value_options(before: ValueOptions, options: Mapping[str, Any]) -> ValueOptions:
    try:
        return replace(before, **options)
    except TypeError as error:
        known = ", ".join(before.to_json())
        raise ValueError(f"a stream of values has no such option; there are {known}") from error
