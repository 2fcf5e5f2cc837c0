"""Print events: a line each, for a person or as JSON."""

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from realnet.streams.told import Event, Told
from service.cli.output import console, moment, printable
from service.cli.watching.judges import What

if TYPE_CHECKING:
    from rich.text import Text

_LEAST_WIDTH = 20  # that is left to a text, however much is to be said of it
_REASONS = 2  # that are told, the loudest, if they are not much quieter than the first
_LOUD = 1 / 3  # of the first
_WORDS = {
    "jump": "it jumped",
    "drift": "it has drifted",
    "rare": "it is rarely there",
    "range": "it was never so far",
    "words": "its words are unusual",
    "bytes": "no line was like it",
    "others": "it is unlike the others",
}


class Teller:
    """Prints the events of all streams; the name of each where there are several."""

    def __init__(self, names: bool, as_json: bool, explain: bool) -> None:
        self._names, self._json, self._explain = names, as_json, explain
        self._console = console()

    def tell(self, name: str, line: int, what: What, told: Told, event: Event) -> None:
        """Print that a row of a stream, in that line of its file, is an event."""
        if self._json:
            typer.echo(_json(name, line, what, told, event))
            return
        with self._console.capture() as shown:
            self._console.print(self._line(name, line, what, told, event))
            if self._explain and event.state != "closed":
                self._console.print(f"    {_one_line(_explained(told))}")
        typer.echo(shown.get(), nl=False)  # it fails like all else where nobody reads on, as the console does not

    def _line(self, name: str, line: int, what: What, told: Told, event: Event) -> "Text":
        from rich.text import Text

        when = f"line {line:,}" if told.at is None else moment(_time(told.at))
        parts = [(f"{when:<19}", "dim"), *([(name, "cyan")] if self._names else []), (f"#{event.number}", "dim")]
        if event.state == "closed":
            return Text("  ").join(Text(*part) for part in (*parts, ("is over", "green")))
        parts.append((f"{told.score:.2f}", "bold red" if event.state == "open" else "red"))
        if event.state == "worse":
            parts.append(("worse", "red"))
        head = Text("  ").join(Text(*part) for part in parts)
        text, rest = Text(_one_line(_shown(what, told))), [Text(_why(told), "dim")]
        if isinstance(told.expected, str):
            rest.append(Text(f"nearest: {_one_line(told.expected)}", "dim"))
        if self._console.is_terminal:
            _fit(self._console.width - head.cell_len - 2, text, rest)
        return Text("  ").join(part for part in (head, text, *rest) if part)


def _fit(width: int, text: "Text", rest: "list[Text]") -> None:
    """Cut the text, and what is said of it, to a width. The first of the rest is the last to be cut."""
    text.truncate(max(_LEAST_WIDTH, width - rest[0].cell_len - 2), overflow="ellipsis")
    width -= text.cell_len
    for place, part in enumerate(rest):
        width -= 2
        if width < _LEAST_WIDTH and place:
            del rest[place:]
            return
        part.truncate(max(0, width), overflow="ellipsis")
        width -= part.cell_len


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def _shown(what: What, told: Told) -> str:
    """Return what came, and of a value what was expected instead of it."""
    if isinstance(what, str):
        return what
    if not isinstance(what, dict):
        return _beside(what, told.expected, told.low, told.high)
    if told.each is None:
        return json.dumps(what, ensure_ascii=False, separators=(",", ":"))
    spoke = {name.rpartition(": ")[0] for name in told.why}
    each = {name: expected for name, expected in told.each.items() if name in spoke}
    return "; ".join(f"{name} {_beside(what[name], *expected)}" for name, expected in each.items())


def _beside(value: float, expected: float | str | None, low: float | None, high: float | None) -> str:
    """Return a value, and what was expected instead of it."""
    if (low is not None and value < low) or (high is not None and value > high):
        return f"{number(value)}, expected {_bounds(low, high)}"
    # It is news for another reason than its distance.
    return number(value) if not isinstance(expected, float) else f"{number(value)}, expected about {number(expected)}"


def _bounds(low: float | None, high: float | None) -> str:
    if low is None:
        return "" if high is None else f"{number(high)} or less"
    return f"{number(low)} or more" if high is None else f"{number(low)} to {number(high)}"


def _expected(told: Told) -> str:
    return number(told.expected) if isinstance(told.expected, float) else str(told.expected)


def _why(told: Told) -> str:
    loudest = max(told.why.values(), default=0.0)
    loud = [name for name, bits in told.why.items() if bits and bits >= _LOUD * loudest][:_REASONS]
    return ", ".join(map(_word, loud))


def _word(name: str) -> str:
    """Return a signal as a person reads it, behind the name of the value that it is of, where there are several."""
    of, colon, signal = name.rpartition(": ")
    return f"{of}{colon}{_WORDS.get(signal, signal.replace('_', ' '))}"


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


def _json(name: str, line: int, what: What, told: Told, event: Event) -> bytes:
    import msgspec

    came: dict[str, Any] = {"value": what, "low": told.low, "high": told.high}
    if isinstance(what, str):
        came = {"text": what}
    elif isinstance(what, dict):
        came = {"fields": what}
        if told.each is not None:
            came = {"values": what, "each": {name: expected._asdict() for name, expected in told.each.items()}}
    fields: dict[str, Any] = {
        "stream": name,
        "line": line,
        "at": None if told.at is None else _time(told.at),
        "score": told.score,
        "bits": told.bits,
        "expected": told.expected,
        **came,
        "why": told.why,
        "event": {"number": event.number, "state": event.state},
    }
    return msgspec.json.encode(fields)


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
