"""What is heard of one value by itself: what spoke for its being news, and where it would have been none."""

from __future__ import annotations

from typing import NamedTuple

from realnet.streams.life import Life, Row, Seen
from realnet.streams.value_options import Direction, ValueOptions


class Heard(NamedTuple):
    seen: Seen
    expected: float
    least: float  # how far it must be from what is expected, and from what is usual, to be news
    usual: float | None  # the mean of the last values
    why: dict[str, float]  # bits, of what spoke


def hear(life: Life, value: Row, options: ValueOptions) -> Heard:
    """Hear a value, and change nothing."""
    seen = life.see(value)
    expected, usual = life.expected(seen), life.usual
    least = 0.05 * abs(life.scale.centre) if options.min_change is None else options.min_change
    moved = max(abs(value.value - expected), 0.0 if usual is None else abs(value.value - usual))
    is_news = moved >= least and options.direction in ("both", seen.way)
    return Heard(seen, expected, least, usual, seen.bits if is_news else {})


def band(life: Life, heard: Heard, asked: float) -> tuple[float, float]:
    """Return from where to where no signal alone finds a value so rare."""
    low, high = life.band(heard.seen, asked)
    about = (heard.expected,) if heard.usual is None else (heard.expected, heard.usual)
    return min(low, max(about) - heard.least), max(high, min(about) + heard.least)


def sides(low: float, high: float, direction: Direction) -> tuple[float | None, float | None]:
    """Return a band without the side on which nothing is news."""
    return None if direction == "up" else low, None if direction == "down" else high
