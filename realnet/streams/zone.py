"""Hours of the week where a stream is from."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np

UTC = "UTC"
_HOUR, _WEEK = 3600, 168  # seconds, and hours
_BEGUN = 72  # hours after a Monday began 1970
_LEAST, _MOST = -6.2e10, 1e11  # seconds: the years 5 and 5138; a time in milliseconds is beyond them


def zone_of(name: str) -> ZoneInfo | None:
    """Return a time zone by its name, as `Europe/Berlin`; None for UTC, which needs no table of zones.

    Raises ValueError if there is none, also where the machine has no such table.
    """
    if name == UTC:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}") from error


def hour_of(at: float, zone: ZoneInfo | None) -> int:
    """Return the hour of the week, from 0 on Monday to 167, at so many seconds since 1970."""
    seconds = int(at // 1)
    if zone is not None:
        ahead = zone.fromutc(np.datetime64(seconds, "s").item().replace(tzinfo=zone)).utcoffset()
        seconds += int(ahead.total_seconds()) if ahead is not None else 0
    return (seconds // _HOUR + _BEGUN) % _WEEK


def is_time(at: float) -> bool:
    """Return whether it can be a time in seconds since 1970."""
    return _LEAST < at < _MOST
