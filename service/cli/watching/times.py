"""Find the time in a line of a log or in a column, in the forms that are common."""

import os
import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d)\b)?"
_SYSLOG = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d"
_WEB = r"\d\d/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"
_EPOCH = r"(?:9\d{8}|[1-9]\d{9})(?:\.\d{1,9}|\d{3})?(?![\w.:-])"  # only at the beginning, or behind a name
_NAMED = r"(?:^[\[({<]?|(?:ts|time|timestamp)\"?[=:] ?\"?)"
_ANY = re.compile(rf"(?P<iso>{_ISO})|(?P<syslog>{_SYSLOG})|(?P<web>{_WEB})|{_NAMED}(?P<epoch>{_EPOCH})")
_MAYBE = re.compile(r"\d\d:\d\d|\d{9}")  # in all of them: of a line without a time it saves most of the search
_BEFORE, _AFTER = (
    re.compile(r"(?:<\d{1,3}>(?:1 )?)?[\[({]?"),
    "])}>,: \t",
)  # a time at the beginning: what may stand there

_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_WITHIN = 120  # signs of a line at whose beginning its time stands
_EARLY_SECONDS = 86_400.0  # that a time without a year may be ahead of now, before it is of the year before


def split_time(line: str) -> tuple[float | None, str]:
    """Return the first time in a line, in seconds since 1970, and the line, without the time if it begins with that.

    A time without a zone is of here. Where there is none it is None.
    """
    found = _ANY.search(line, 0, _WITHIN) if _MAYBE.search(line, 0, _WITHIN) else None
    if found is None:
        return None, line
    seconds = _seconds(str(found.lastgroup), found[str(found.lastgroup)])
    rest = line[found.end() :].lstrip(_AFTER)
    return seconds, rest if rest and seconds is not None and _BEFORE.fullmatch(line, 0, found.start()) else line


def time_of(cell: str) -> float:
    """Return the time that a cell is. Raises ValueError if it is none."""
    cell = cell.strip()
    found = _ANY.fullmatch(cell)
    form = None if found is None and cell.isdecimal() else "iso" if found is None else str(found.lastgroup)
    seconds = None if form is None else _seconds(form, cell)
    if seconds is None:
        raise ValueError(f"no time: {cell[:40]!r}")
    return seconds


def local_zone() -> str:
    """Return the name of the time zone here, as `Europe/Berlin`; UTC where it has none."""
    name = os.environ.get("TZ") or str(Path("/etc/localtime").resolve())
    name = name.rpartition("zoneinfo/")[2].removeprefix(":")
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        return "UTC"


@lru_cache(1024)  # many lines are of the same second
def _seconds(form: str, text: str) -> float | None:
    try:
        match form:
            case "epoch":
                return float(text) / (1000.0 if len(text.partition(".")[0]) > 10 else 1.0)
            case "syslog":
                return _without_year(text)
            case "web":
                day, month, rest = text.split("/")
                return datetime.strptime(f"{day} {_month(month):02} {rest}", "%d %m %Y:%H:%M:%S %z").timestamp()
        return datetime.fromisoformat(text.replace(",", ".").replace(" UTC", "Z").replace(" +", "+")).timestamp()
    except (ValueError, OverflowError):  # the 31st of February
        return None


def _without_year(text: str) -> float:
    """Return a time of the last twelve months."""
    now = datetime.now()
    month, rest = _month(text[:3]), text[4:]
    seconds = _of_year(now.year, month, rest)
    return seconds if seconds <= now.timestamp() + _EARLY_SECONDS else _of_year(now.year - 1, month, rest)


def _of_year(year: int, month: int, rest: str) -> float:
    day = rest.replace(" ", "0", 1) if rest[0] == " " else rest
    return datetime.fromisoformat(f"{year}-{month:02}-{day}").timestamp()


def _month(name: str) -> int:
    return _MONTHS.index(name) // 3 + 1
