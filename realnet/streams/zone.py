"""Hours of the day where a stream is from."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np

_MOST = 1e11  # seconds: the year 5138; a time in milliseconds is beyond it


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its name, as `Europe/Berlin`. Raises ValueError if there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}") from error


def hour_of(at: float, zone: ZoneInfo) -> int:
    """Return the hour of the week, from 0 on Monday to 167, at so many seconds since 1970."""
    local = zone.fromutc(np.datetime64(int(at // 1), "s").item().replace(tzinfo=zone))
    return int(24 * local.weekday() + local.hour)


def is_time(at: float) -> bool:
    """Return whether it can be a time in seconds since 1970, from the year 1 to 5138."""
    return -6.2e10 < at < _MOST
