"""Which lines were told, each once, and what people said of them."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from realnet.streams.masking import as_array, from_array
from realnet.streams.told import Event

Verdict: TypeAlias = Literal["normal", "anomaly"]
_VERDICTS: tuple[Verdict, ...] = ("normal", "anomaly")
_KEPT = 1000  # events that a verdict can be given on


class News:
    """The events of a stream of lines: each masked line is one, told once; the last 1,000 of them are kept.

    Attributes:
        count: how many there have been.
    """

    def __init__(self) -> None:
        self.count = 0
        self._lines: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._verdicts: dict[int, Verdict] = {}

    def tell(self, line: str) -> Event | None:
        """Open the event of a line; None if it was told before."""
        if line in self._numbers:
            return None
        self.count += 1
        self._lines[self.count], self._numbers[line] = line, self.count
        if len(self._lines) > _KEPT:
            oldest = next(iter(self._lines))
            del self._numbers[self._lines.pop(oldest)]
            self._verdicts.pop(oldest, None)
        return Event(self.count, "open")

    def line(self, event: int) -> str:
        """Return the masked line of an event. Raises ValueError."""
        if event not in self._lines:
            raise ValueError(f"there is no event {event}, or it is not one of the last {_KEPT}")
        return self._lines[event]

    def judge(self, event: int, verdict: Verdict) -> None:
        """Keep a verdict on an event. Raises ValueError."""
        self.line(event)
        if verdict not in _VERDICTS:
            raise ValueError(f"verdict is {verdict!r}, must be normal or anomaly")
        self._verdicts[event] = verdict

    def verdict(self, event: int) -> Verdict | None:
        return self._verdicts.get(event)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return a copy of everything but the count."""
        given = [self._verdicts.get(number) for number in self._lines]
        verdicts = [0 if each is None else 1 + _VERDICTS.index(each) for each in given]
        return {"told": as_array(list(self._lines.values())), "verdicts": np.array(verdicts, np.uint8)}

    @classmethod
    def of(cls, count: int, arrays: dict[str, NDArray[Any]]) -> News:
        """Return what had these. Raises ValueError, or KeyError for an array that is missing."""
        lines, verdicts = from_array(arrays["told"]), arrays["verdicts"].tolist()
        if (
            len(lines) > min(count, _KEPT)
            or len(verdicts) != len(lines)
            or len(set(lines)) < len(lines)
            or max(verdicts, default=0) > len(_VERDICTS)
        ):
            raise ValueError("the events are none")
        news = cls()
        news.count = count
        news._lines = {count - len(lines) + 1 + place: line for place, line in enumerate(lines)}
        news._numbers = {line: number for number, line in news._lines.items()}
        for number, each in zip(news._lines, verdicts, strict=True):
            if each:
                news.judge(number, _VERDICTS[each - 1])
        return news
