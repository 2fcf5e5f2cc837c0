"""When a person is told: once when news begins, again when it gets worse, and when it is over."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realnet.core._numba import exact_kernel
from realnet.streams.numbers import blank
from realnet.streams.told import Event, EventState
from realnet.streams.value_options import BITS, ValueOptions
from realnet.streams.window import add_, window

REMEMBERED = 64  # events, and ranges that are normal by a person's word
_WITHIN = 100  # rows in which only what is rarer is told
_CALM = 20  # rows below half of the bits that are asked for, and the event is over
_STEP = 0.15  # of the bits that are asked for, by which an alarm raises them where there is a budget
_LEAST, _MOST = 5.7, 70.0  # bits that may be asked for to keep a budget; what is rare at all has 5.65


_NAMES: tuple[EventState | None, ...] = (None, "open", "worse", "closed")
SILENT, OPEN, WORSE, CLOSED = range(4)

RANGES = np.dtype(
    [
        ("low", "f8", (REMEMBERED,)),  # of each event in the place of its number
        ("high", "f8", (REMEMBERED,)),  # below `low` where the value was no news
        ("verdicts", "f8"),  # how many were normal
        ("normal", "f8", (REMEMBERED,)),  # numbers of those events, or 0
        ("normal_low", "f8", (REMEMBERED,)),
        ("normal_high", "f8", (REMEMBERED,)),
    ]
)
EVENTS = np.dtype(
    [
        ("asked", "f8"),  # bits
        ("number", "f8"),  # of the last event
        ("is_open", "f8"),
        ("peak", "f8"),  # bits of it
        ("calm", "f8"),  # rows since the last one of half the bits that are asked for
        ("last", window(_WITHIN)),
    ]
)


class Ranges:
    """From where to where a value was in the last events, and which of these are normal by a person's word.

    Attributes:
        state: a record of them, for kernels.
    """

    def __init__(self) -> None:
        self.state = blank(RANGES)

    def note(self, number: int, begins: bool, value: float | None) -> None:
        """Take in that an event begins, in which no value has been news; and a value that was."""
        note_(self.state, number, begins, math.nan if value is None else value)

    def judge(self, number: int, is_normal: bool, margin: float) -> None:
        """Take a person's word on an event: its values, and those so far beside them, are normal, or they are not."""
        state, place = self.state[0], number % REMEMBERED
        state["normal"][state["normal"] == number] = 0
        low, high = state["low"][place], state["high"][place]
        if is_normal and low <= high:
            to = int(state["verdicts"]) % REMEMBERED
            state["verdicts"] += 1
            state["normal"][to], state["normal_low"][to], state["normal_high"][to] = number, low - margin, high + margin

    def is_normal(self, value: float) -> bool:
        """Return whether a value is normal by a person's word."""
        return bool(is_normal(self.state, value))


class Events:
    """The events of a stream, and how rare a row must be to begin one.

    Attributes:
        state: a record of them, for kernels.
    """

    def __init__(self, asked: float) -> None:
        self.state = blank(EVENTS)
        self.asked = asked

    @property
    def asked(self) -> float:
        """Return the bits from which on a row is news."""
        return float(self.state["asked"][0])

    @asked.setter
    def asked(self, bits: float) -> None:
        self.state["asked"] = bits

    @property
    def number(self) -> int:
        """Return the number of the last event."""
        return int(self.state["number"][0])

    @property
    def is_open(self) -> bool:
        return bool(self.state["is_open"][0])

    def see(self, bits: float) -> Event | None:
        """See how rare a row is; return what a person is to be told."""
        state = see_(self.state, bits)
        return event_of(self.number, state)

    def keep_budget(self, budget: float, event: Event | None) -> None:
        """Go on from what `see` returned of a row that was learnt to how many bits are asked for."""
        keep_budget_(self.state, budget, event is not None and event.state != "closed")

    def judge(self, number: int, is_normal: bool) -> None:
        """Take a person's word on an event: one that is normal is over.

        Raises ValueError for an event that never was, or is too long ago.
        """
        if not max(0, self.number - REMEMBERED) < number <= self.number:
            raise ValueError(f"there is no event {number}, or it is too long ago")
        if is_normal and number == self.number:
            self.state["is_open"] = 0


@exact_kernel
def see_(events: NDArray[Any], bits: float) -> int:
    """See how rare a row is; return the state of the event that a person is to be told, 0 if none."""
    state = events[0]
    most = state.peak if state.is_open else 0.0
    for each in state.last.numbers:
        most = max(most, each)
    is_alarm = bits >= state.asked and bits > most
    add_(state.last, bits)
    state.calm = 0.0 if bits >= state.asked / 2 else state.calm + 1
    if is_alarm:
        begins = not state.is_open
        state.number += begins
        state.is_open, state.peak = 1.0, bits
        return OPEN if begins else WORSE
    if state.is_open and state.calm >= _CALM:
        state.is_open = 0.0
        return CLOSED
    return SILENT


@exact_kernel
def keep_budget_(events: NDArray[Any], budget: float, is_alarm: bool) -> None:
    """Ask for more after an alarm, and for less after every row: by as much as is level at the budget."""
    state = events[0]
    changed = state.asked * (1 + _STEP * ((1.0 if is_alarm else 0.0) - budget / 1000))
    state.asked = max(_LEAST, min(_MOST, changed))


@exact_kernel
def note_(ranges: NDArray[Any], number: int, begins: bool, value: float) -> None:
    """See `Ranges.note`; a value of NaN was no news."""
    state, place = ranges[0], number % REMEMBERED
    if begins:
        state.low[place], state.high[place] = 1.0, 0.0
    if not np.isnan(value):
        is_first = state.low[place] > state.high[place]
        state.low[place] = value if is_first else min(state.low[place], value)
        state.high[place] = value if is_first else max(state.high[place], value)


@exact_kernel
def is_normal(ranges: NDArray[Any], value: float) -> bool:
    """Return whether a value is normal by a person's word."""
    state = ranges[0]
    if state.verdicts > 0:
        for k in range(REMEMBERED):
            if state.normal[k] and state.normal_low[k] <= value <= state.normal_high[k]:
                return True
    return False


def event_of(number: int, state: int) -> Event | None:
    """Return what a person is to be told of event `number`, by what `see_` returned."""
    name = _NAMES[state]
    return None if name is None else Event(number, name)


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
