"""A detector that tells of what is said to be news, in place of those that have to learn first what is."""

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from realnet.checkpoint import Checkpoint
from realnet.client.streams import StreamKind
from realnet.streams.told import Detector, Event, Learn, Told
from service.cli.watching.detectors import Kind
from service.cli.watching.judges import What

WARM_UP = 3


class Row(NamedTuple):
    at: float | None
    what: What


class SimpleDetector:
    """News is a line that has the word in it, or a value above 100; after `over` an event is over.

    Attributes:
        seen: all that any of them has seen.
    """

    seen: list[Row]

    def __init__(self, options: dict[str, Any]) -> None:
        if options.get("budget", 1) < 0:
            raise ValueError("budget is negative")
        self.options = options
        self.rows = self.events = 0
        self.is_open = False
        self.last = 0.0

    @property
    def remaining(self) -> int:
        return max(0, WARM_UP - self.rows)

    @property
    def nbytes(self) -> int:
        return 0

    def run(self, rows: Sequence[Row], learn: Learn = True) -> list[Told]:
        for place, row in enumerate(rows):
            if row.at is not None and row.at < self.last:
                raise ValueError(f"rows[{place}]: the time goes back")
        return [self._tell(row) for row in rows]

    def _tell(self, row: Row) -> Told:
        type(self).seen.append(row)
        ready, is_text = self.remaining == 0, isinstance(row.what, str)
        self.rows += 1
        self.last = self.last if row.at is None else row.at
        is_news = ready and ("news" in row.what if isinstance(row.what, str) else _largest(row.what) > 100)
        event = None
        if is_news:
            self.events += not self.is_open
            event = Event(self.events, "worse" if self.is_open else "open")
            self.is_open = True
        elif self.is_open and (row.what == 0 or str(row.what).endswith("over")):
            event = Event(self.events, "closed")
            self.is_open = False
        low, high = (None, None) if is_text else (1.0, 9.5)
        why = {"range": 15.0, "other_signal": 9.0, "jump": 0.5} if is_news else {}
        expected = "what is usual" if is_text else 5.25
        return Told(self.rows, row.at, ready, 0.8 if is_news else 0.1, 15.1, why, expected, low, high, event)

    def feedback(self, event: int, verdict: Literal["normal", "anomaly"]) -> None:
        raise ValueError("no such event")

    def checkpoint(self) -> Checkpoint:
        kept = {"options": self.options, "events": self.events, "is_open": self.is_open, "last": self.last}
        arrays = {"nothing": np.zeros(1, np.float32)}
        return Checkpoint.of_memory({"tick": self.rows, "learning_rate": 1.0, "kept": json.dumps(kept)}, arrays)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Self:
        kept = json.loads(checkpoint.config["kept"])
        detector = cls(kept["options"])
        detector.rows = checkpoint.tick
        detector.events, detector.is_open, detector.last = kept["events"], kept["is_open"], kept["last"]
        return detector


def _largest(what: float | dict[str, Any]) -> float:
    return 0.0 if isinstance(what, dict) else what


def simple_kind(kind: StreamKind) -> Kind:
    """Return the kind of these, in place of that of the detectors there are."""

    def detector(options: dict[str, Any], checkpoint: Checkpoint | None) -> Detector[Row]:
        if checkpoint is None:
            return SimpleDetector(options)
        detector = SimpleDetector.from_checkpoint(checkpoint)
        detector.options |= options
        return detector

    return Kind(Row, detector)
