"""When a person is told: once when news begins, again when it gets worse, and when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field

from realnet.streams.told import Event
from realnet.streams.window import Window

REMEMBERED = 64  # events, and ranges that are normal by a person's word
_WITHIN = 100  # rows in which only what is rarer is told
_CALM = 20  # rows below half of the bits that are asked for, and the event is over
_STEP = 0.15  # of the bits that are asked for, by which an alarm raises them where there is a budget
_LEAST, _MOST = 8.0, 70.0  # bits that may be asked for to keep a budget


def _blank() -> list[float]:
    return [0.0] * REMEMBERED


@dataclass(slots=True)
class Events:
    """The events of a stream, and how rare a row must be to begin one."""

    asked: float  # bits
    number: float = 0.0  # of the last event
    is_open: float = 0.0
    peak: float = 0.0  # bits of it
    calm: float = 0.0  # rows since the last one of half the bits that are asked for
    last: Window = field(default_factory=lambda: Window.of(_WITHIN))
    low: list[float] = field(
        default_factory=_blank
    )  # of the values of the last events, each in the place of its number
    high: list[float] = field(default_factory=_blank)
    verdicts: float = 0.0  # how many events were normal
    normal: list[float] = field(default_factory=_blank)  # numbers of those events, or 0
    normal_low: list[float] = field(default_factory=_blank)
    normal_high: list[float] = field(default_factory=_blank)

    def see(self, bits: float, value: float) -> Event | None:
        """See how rare a row is; return what a person is to be told."""
        is_news = bits >= self.asked
        is_alarm = is_news and bits > max(self.peak if self.is_open else 0.0, *self.last.numbers)
        self.last.add(bits)
        self.calm = 0.0 if bits >= self.asked / 2 else self.calm + 1
        told, begins = None, is_alarm and not self.is_open
        if begins:
            self.number, self.is_open = self.number + 1, 1.0
        place = int(self.number) % REMEMBERED
        if begins:
            self.low[place] = self.high[place] = value
        if is_alarm:
            self.peak = bits
            told = Event(int(self.number), "open" if begins else "worse")
        elif self.is_open and self.calm >= _CALM:
            self.is_open = 0.0
            told = Event(int(self.number), "closed")
        if is_news and self.is_open:
            self.low[place], self.high[place] = min(self.low[place], value), max(self.high[place], value)
        return told

    def keep_budget(self, budget: float, is_alarm: bool) -> None:
        """Ask for more after an alarm, and for less after every row: by as much as is level at the budget."""
        self.asked = max(_LEAST, min(_MOST, self.asked * (1 + _STEP * (is_alarm - budget / 1000))))

    def judge(self, number: int, is_normal: bool, margin: float) -> None:
        """Take a person's word on an event: its values, and those so far beside them, are normal, or they are not.

        Raises ValueError for an event that never was, or is too long ago.
        """
        if not max(0, self.number - REMEMBERED) < number <= self.number:
            raise ValueError(f"there is no event {number}, or it is too long ago")
        self.normal = [0.0 if each == number else each for each in self.normal]
        if is_normal:
            to, place = int(self.verdicts) % REMEMBERED, number % REMEMBERED
            self.verdicts += 1
            self.normal[to] = float(number)
            self.normal_low[to], self.normal_high[to] = self.low[place] - margin, self.high[place] + margin
            if number == self.number:
                self.is_open = 0.0

    def is_normal(self, value: float) -> bool:
        """Return whether a value is normal by a person's word."""
        ranges = zip(self.normal, self.normal_low, self.normal_high, strict=True)
        return self.verdicts > 0 and any(number and low <= value <= high for number, low, high in ranges)
