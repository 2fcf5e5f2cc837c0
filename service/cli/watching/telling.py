"""Print events: a line each, for a person or as JSON."""

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from realnet.streams.told import Event, Told
from service.cli.output import console, moment, printable

if TYPE_CHECKING:
    from rich.text import Text

_LEAST_WIDTH = 20  # that is left to the text of a line, however much is to be said
_LOUD = 1.0  # bits from which on a signal is a reason
_REASONS = 2  # that are told, the loudest
_WORDS = {
    "now": "unlike the last 5 values",
    "lasting": "unlike the last hour of values",
    "bits": "rare at this hour",
    "range": "beyond all before",
}


class Teller:
    """Prints the events of all streams; the name of each where there are several."""

    def __init__(self, names: bool, json: bool, explain: bool) -> None:
        self._names, self._json, self._explain = names, json, explain
        self._console = console()

    def tell(self, name: str, line: int, what: str | float, told: Told, event: Event) -> None:
        """Print that a row of a stream, in that line of its file, is an event."""
        if self._json:
            typer.echo(_json(name, line, what, told, event))
            return
        self._console.print(self._line(name, line, what, told, event))
        if self._explain and event.state != "closed":
            self._console.print(printable(f"    {_explained(told)}"))

    def _line(self, name: str, line: int, what: str | float, told: Told, event: Event) -> "Text":
        from rich.text import Text

        when = f"line {line:,}" if told.at is None else moment(_time(told.at))
        parts = [(f"{when:<19}", "dim"), *([(name, "cyan")] if self._names else []), (f"#{event.number}", "dim")]
        if event.state == "closed":
            return Text("  ").join(Text(*part) for part in (*parts, ("is over", "green")))
        parts.append((f"{told.score:.2f}", "bold red" if event.state == "open" else "red"))
        if event.state == "worse":
            parts.append(("worse", "red"))
        head, why = Text("  ").join(Text(*part) for part in parts), Text(_why(told), "dim")
        text = Text(printable(" ".join(_shown(what, told).split())))
        if self._console.is_terminal:
            left = self._console.width - head.cell_len - why.cell_len - 4
            text.truncate(max(_LEAST_WIDTH, left), overflow="ellipsis")
        whole = Text("  ").join(part for part in (head, text, why) if part)
        if self._console.is_terminal:
            whole.truncate(self._console.width, overflow="ellipsis")
        return whole


def _shown(what: str | float, told: Told) -> str:
    """Return what came, and of a value what was expected instead of it."""
    if isinstance(what, str):
        return what
    if told.expected is None:
        return number(what)
    bounds = " to ".join(number(each) for each in (told.low, told.high) if each is not None)
    if told.low is None or told.high is None:
        bounds = bounds and f"{'at most' if told.low is None else 'at least'} {bounds}"
    return f"{number(what)}, expected {bounds or _expected(told)}"


def _expected(told: Told) -> str:
    return number(told.expected) if isinstance(told.expected, float) else str(told.expected)


def _why(told: Told) -> str:
    loud = [name for name, bits in told.why.items() if bits >= _LOUD][:_REASONS]
    return ", ".join(_WORDS.get(name, name.replace("_", " ")) for name in loud)


def _explained(told: Told) -> str:
    """Return all signals in bits, and what was expected."""
    signals = " · ".join(f"{name.replace('_', ' ')} {bits:.1f}" for name, bits in told.why.items())
    expected = "" if told.expected is None else f"; expected: {_expected(told)}"
    return f"{told.bits:.1f} bits: {signals}{expected}"


def number(value: float) -> str:
    """Return a number as a person reads it."""
    if not math.isfinite(value):
        return "no value"
    return f"{value:,.0f}" if 1e5 <= abs(value) < 1e15 else f"{value:.5g}"


def _json(name: str, line: int, what: str | float, told: Told, event: Event) -> bytes:
    import msgspec

    of_value = {"value": what, "low": told.low, "high": told.high}
    fields: dict[str, Any] = {
        "stream": name,
        "line": line,
        "at": None if told.at is None else _time(told.at),
        "score": told.score,
        "bits": told.bits,
        "expected": told.expected,
        **({"text": what} if isinstance(what, str) else of_value),
        "why": told.why,
        "event": {"number": event.number, "state": event.state},
    }
    return msgspec.json.encode(fields)


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
