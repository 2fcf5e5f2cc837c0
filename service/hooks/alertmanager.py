"""Events as alerts of Prometheus's Alertmanager, in the form of its API v2.

An alert's times are this server's, those of the events' `received_at`: a row may be of any time. Alertmanager tells
nobody of an alert that is over before it comes to tell of it, so each stands for `LEAST_SECONDS` at least.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from service.hooks.hook import Hook
from service.hooks.sending import Message
from service.streams.rows import StreamEvent
from service.streams.shown import time_of

RESEND_SECONDS = 60.0  # Alertmanager wants to hear of an alert again and again, or it is over
LEAST_SECONDS = 300.0  # for which an alert stands: a line, that is never over, and one that is sent again
_PATH = "/api/v2/alerts"
_LABELS = {"alertname": "RealNetNews", "severity": "warning"}  # more of them would make another alert of the same news

Alert: TypeAlias = tuple[str, int]  # the stream, and the number of its event


def alert_of(event: StreamEvent) -> Alert:
    return event.stream, event.number


def is_line(event: StreamEvent) -> bool:
    """Return whether it is of a kind whose events are never over."""
    return event.kind in ("lines", "events")


def message_of(hook: Hook, events: Iterable[StreamEvent], sent: Mapping[Alert, float], now: float) -> Message:
    """Return the message that tells of events in order. `sent` knows when those that are open were first sent."""
    newest: dict[Alert, StreamEvent] = {}
    begun: dict[Alert, float] = {}
    for event in events:
        newest[alert_of(event)] = event
        begun.setdefault(alert_of(event), event.received_at)
    alerts = [_shown(event, begun[alert], sent.get(alert, now), now) for alert, event in newest.items()]
    return Message(hook.url.rstrip("/") + _PATH, json.dumps(alerts).encode(), {})


def _shown(event: StreamEvent, begun: float, sent: float, now: float) -> dict[str, Any]:
    ends = now + LEAST_SECONDS
    if event.state == "closed":
        ends = max(event.received_at, sent + LEAST_SECONDS)
    return {
        "labels": {**_LABELS, "stream": event.stream, "number": str(event.number)},
        "annotations": _annotations(event),
        "startsAt": _time(begun),
        "endsAt": _time(max(ends, begun)),  # a clock may have gone back
    }


def _annotations(event: StreamEvent) -> dict[str, str]:
    at, why = time_of(event.at), ", ".join(f"{name} {bits:.1f}" for name, bits in event.why.items())
    when = "" if at is None else f" at {at.isoformat()}"
    told = {
        "summary": f"{event.stream}: {_words(event.what)}",
        "description": f"row {event.row}{when} is news ({event.state}): {event.bits:.1f} bits by {why or 'itself'}",
        "expected": _expected(event),
        "score": f"{event.score:.3f}",
    }
    return {name: words for name, words in told.items() if words}


def _expected(event: StreamEvent) -> str:
    if event.expected is None or event.low is None or event.high is None:
        return "" if event.expected is None else _words(event.expected)
    return f"{_words(event.expected)} ({_words(event.low)} to {_words(event.high)})"


def _words(what: float | str) -> str:
    return what if isinstance(what, str) else f"{what:.6g}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def open_of(last_events: Iterable[StreamEvent | None]) -> Sequence[StreamEvent]:
    """Return those of the streams' last events that are not over, and are sent again for as long."""
    events = [event for event in last_events if event is not None and not event.muted]
    return [event for event in events if event.state != "closed" and not is_line(event)]
