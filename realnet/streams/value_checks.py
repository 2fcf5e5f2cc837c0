"""What of a row of values can be taken."""

from __future__ import annotations

import math

from realnet.streams.value_options import Missing
from realnet.streams.zone import is_time

_LARGEST = 1e300


def check_time(row: int, at: float | None, last: float | None, is_first: bool) -> None:
    """Check the time of a row after that of the last. Raises ValueError that names the row."""
    if not is_first and (at is None) != (last is None):
        raise ValueError(f"rows[{row}]: {'no time' if at is None else 'a time'}, unlike those before it")
    if at is not None and not is_time(at):
        raise ValueError(f"rows[{row}]: the time is {at!r}, must be in seconds since 1970")
    if at is not None and last is not None and at < last:
        raise ValueError(f"rows[{row}]: the time goes back, from {last!r} to {at!r}")


def taken(row: int, value: float, missing: Missing, previous: float | None, name: str = "") -> float | None:
    """Return what is taken of a value: itself, what stands in for it, or None if it is skipped.

    Raises ValueError that names the row, and which of its values it is.
    """
    if abs(value) <= _LARGEST:
        return float(value)
    if isinstance(value, int) or math.isfinite(value):
        raise ValueError(f"rows[{row}]{name}: the value is beyond {_LARGEST:g}")
    if missing == "refuse":
        raise ValueError(f"rows[{row}]{name}: the value is {value!r}; what to do with it `missing` says")
    if missing == "skip" or (missing == "previous" and previous is None):
        return None
    return 0.0 if previous is None or missing == "zero" else previous
