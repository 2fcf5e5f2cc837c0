"""Read a line of a log: plain, of journald's JSON, or of Docker's; or an event of JSON."""

import json
from typing import Any

from service.cli.watching.judges import Row
from service.cli.watching.times import split_time, time_of

_TIMES = ("@timestamp", "timestamp", "time", "at", "ts")  # fields that may be the time of an event
_MOST_NULS = 0.01  # of a line


class Log:
    """Reads the lines of one log, whose form its first line tells: `plain`, `journald` or `docker`."""

    def __init__(self) -> None:
        self._form: str | None = None

    def begin(self) -> None:
        """Go on with another file, which is of the same form."""

    def read(self, line: str) -> tuple[float | None, str] | None:
        """Return a line's time and its text; None if it is empty. Raises ValueError if it cannot be read."""
        if not line.strip():
            return None
        if line.count("\0") > _MOST_NULS * len(line):
            raise ValueError("NUL bytes")
        if self._form is None:
            self._form = _form_of(line)
        if self._form == "plain":
            return split_time(line)  # or all lines are new when the name of the month is
        return _journald(_object(line)) if self._form == "journald" else _docker(_object(line))


class JsonEvents:
    """Reads events, an object of JSON on each line.

    Args:
        time: the field that is the time, which is no part of the event then; None takes the first of those that are
            usual.
    """

    def __init__(self, time: str | None) -> None:
        self._time = time

    def begin(self) -> None:
        """Go on with another file, which is of the same form."""

    def read(self, line: str) -> Row | None:
        """Return an event's time and its fields; None for an empty line. Raises ValueError if it cannot be read."""
        if not line.strip():
            return None
        fields = _object(line.lstrip())
        if self._time is not None:
            if self._time not in fields:
                raise ValueError(f"no field {self._time}")
            return time_of(str(fields.pop(self._time))), fields
        for name in _TIMES:
            try:
                at = time_of(str(fields[name]))
            except (KeyError, ValueError):
                continue
            return at, {field: each for field, each in fields.items() if field != name}
        return None, fields


def _form_of(line: str) -> str:
    try:
        fields = _object(line)
    except ValueError:
        return "plain"
    if "__REALTIME_TIMESTAMP" in fields:
        return "journald"
    return "docker" if {"log", "time"} <= fields.keys() else "plain"


def _object(line: str) -> dict[str, Any]:
    try:
        fields = json.loads(line) if line.startswith("{") else None
    except (ValueError, RecursionError) as error:
        raise ValueError("no JSON") from error
    if not isinstance(fields, dict):
        raise ValueError("no object of JSON")
    return fields


def _journald(fields: dict[str, Any]) -> tuple[float | None, str] | None:
    """Return time and message, behind the name of whoever wrote it, as `journalctl` shows it."""
    text = _journald_text(fields.get("MESSAGE"))
    who = fields.get("SYSLOG_IDENTIFIER")
    try:
        at = int(fields["__REALTIME_TIMESTAMP"]) / 1e6
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("no __REALTIME_TIMESTAMP") from error
    if not text.strip():
        return None
    return at, f"{who}: {text}" if isinstance(who, str) else text


def _journald_text(message: object) -> str:
    if isinstance(message, list):  # bytes that are no text, or not printable
        try:
            return bytes(message).decode(errors="replace")
        except (TypeError, ValueError) as error:
            raise ValueError("no text in MESSAGE") from error
    if message is None:  # left out, or longer than journalctl exports
        return ""
    if not isinstance(message, str):
        raise ValueError("no text in MESSAGE")
    return message


def _docker(fields: dict[str, Any]) -> tuple[float | None, str] | None:
    text, time = fields.get("log"), fields.get("time")
    if not isinstance(text, str) or not isinstance(time, str):
        raise ValueError("no log and time")
    text = text.rstrip("\r\n")
    return (time_of(time), text) if text.strip() else None
