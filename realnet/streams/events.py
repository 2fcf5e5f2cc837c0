"""When a person is told: once when news begins, again when it gets worse, and when it is over."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from realnet.streams.told import Event
from realnet.streams.value_options import BITS, ValueOptions
from realnet.streams.window import Window

REMEMBERED = 64  # events, and ranges that are normal by a person's word
_WITHIN = 100  # rows in which only what is rarer is told
_CALM = 20  # rows below half of the bits that are asked for, and the event is over
_STEP = 0.15  # of the bits that are asked for, by which an alarm raises them where there is a budget
_LEAST, _MOST = 5.7, 70.0  # bits that may be asked for to keep a budget; what is rare at all has 5.65


def _blank() -> list[float]:
    return [0.0] * REMEMBERED


@dataclass(slots=True)
class Ranges:
    """From where to where a value was in the last events, and which of these are normal by a person's word."""

    low: list[float] = field(default_factory=_blank)  # of each event in the place of its number
    high: list[float] = field(default_factory=_blank)  # below `low` where the value was no news
    verdicts: float = 0.0  # how many were normal
    normal: list[float] = field(default_factory=_blank)  # numbers of those events, or 0
    normal_low: list[float] = field(default_factory=_blank)
    normal_high: list[float] = field(default_factory=_blank)

    def begin(self, number: int) -> None:
        """Begin with an event in which no value has been news."""
        self.low[number % REMEMBERED], self.high[number % REMEMBERED] = 1.0, 0.0

    def note(self, number: int, value: float) -> None:
        """Take in a value that was news in an event that has begun."""
        place = number % REMEMBERED
        is_first = self.low[place] > self.high[place]
        self.low[place] = value if is_first else min(self.low[place], value)
        self.high[place] = value if is_first else max(self.high[place], value)

    def judge(self, number: int, is_normal: bool, margin: float) -> None:
        """Take a person's word on an event: its values, and those so far beside them, are normal, or they are not."""
        self.normal = [0.0 if each == number else each for each in self.normal]
        low, high = self.low[number % REMEMBERED], self.high[number % REMEMBERED]
        if is_normal and low <= high:
            to = int(self.verdicts) % REMEMBERED
            self.verdicts += 1
            self.normal[to], self.normal_low[to], self.normal_high[to] = float(number), low - margin, high + margin

    def is_normal(self, value: float) -> bool:
        """Return whether a value is normal by a person's word."""
        ranges = zip(self.normal, self.normal_low, self.normal_high, strict=True)
        return self.verdicts > 0 and any(number and low <= value <= high for number, low, high in ranges)


@dataclass(slots=True)
class Events:
    """The events of a stream, and how rare a row must be to begin one."""

    asked: float  # bits
    number: float = 0.0  # of the last event
    is_open: float = 0.0
    peak: float = 0.0  # bits of it
    calm: float = 0.0  # rows since the last one of half the bits that are asked for
    last: Window = field(default_factory=lambda: Window.of(_WITHIN))

    def see(self, bits: float) -> Event | None:
        """See how rare a row is; return what a person is to be told."""
        is_alarm = bits >= self.asked and bits > max(self.peak if self.is_open else 0.0, *self.last.numbers)
        self.last.add(bits)
        self.calm = 0.0 if bits >= self.asked / 2 else self.calm + 1
        if is_alarm:
            begins = not self.is_open
            self.number, self.is_open, self.peak = self.number + begins, 1.0, bits
            return Event(int(self.number), "open" if begins else "worse")
        if self.is_open and self.calm >= _CALM:
            self.is_open = 0.0
            return Event(int(self.number), "closed")
        return None

    def keep_budget(self, budget: float, is_alarm: bool) -> None:
        """Ask for more after an alarm, and for less after every row: by as much as is level at the budget."""
        self.asked = max(_LEAST, min(_MOST, self.asked * (1 + _STEP * (is_alarm - budget / 1000))))

    def judge(self, number: int, is_normal: bool) -> None:
        """Take a person's word on an event: one that is normal is over.

        Raises ValueError for an event that never was, or is too long ago.
        """
        if not max(0, self.number - REMEMBERED) < number <= self.number:
            raise ValueError(f"there is no event {number}, or it is too long ago")
        if is_normal and number == self.number:
            self.is_open = 0.0


def first_asked(options: ValueOptions, values: int = 1) -> float:
    """Return how many bits to ask for at first, where a row has so many values.

    With every 3 bits less there are e times as many alarms on NAB, and one in 1,000 rows at 12; and so many values of a
    row have so many times as many.
    """
    bits = BITS[options.sensitivity] if options.budget is None else 12 - 3 * math.log(options.budget)
    return max(_LEAST, bits + 3 * math.log(max(values, 1)))


def change_asked(events: Events, before: ValueOptions, options: ValueOptions, values: int = 1) -> None:
    """Ask for as many bits as other options say. Raises ValueError where the expert is another."""
    if options.expert != before.expert:
        raise ValueError(f"expert is {options.expert!r}, and stays {before.expert!r}: its life is learnt")
    if (options.sensitivity, options.budget) != (before.sensitivity, before.budget):
        events.asked = first_asked(options, values)
