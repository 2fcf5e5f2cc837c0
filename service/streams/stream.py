"""One stream: its detector, what was told of its last rows, and what a person wants of it."""

from collections import deque
from typing import Any

import msgspec

from service.journal.records import ObserveRecord, StreamRecord
from service.streams.kinds import AnyDetector, change_, newborn, options_of, revived, run
from service.streams.rows import Kind, Observed, StreamEvent, ToldRow

RECENT = 256  # rows that are kept with what was told of them
RATED = 10_000  # rows, of which it is known how many were alarms
_ANSWERS = 64  # messages whose rows are known again


class Answer(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What became of the rows of a record: they were refused, or are `count` rows from `first_row` on."""

    record: int
    first_row: int
    count: int
    refused: str | None


class StreamInfo(msgspec.Struct, frozen=True):
    """A stream as a client sees it; `record` is that of the journal up to which this is."""

    name: str
    kind: Kind
    record: int
    rows: int = 0
    remaining: int = 0
    alarms: int = 0
    alarms_in_1000: float = 0.0
    score: float = 0.0
    last_row_at: float | None = None
    last_event: StreamEvent | None = None
    options: dict[str, str | float | None] = {}
    maintenance: list[tuple[float, float]] = []


class _Kept(msgspec.Struct):
    info: StreamInfo
    recent: list[ToldRow]
    answers: list[Answer]
    alarm_rows: list[int]
    checkpoint: bytes


class Stream:
    """A stream that is watched. The same records, in the same order, make the same stream.

    Attributes:
        record: the journal's number of the last record that is in it.
        recent: the last rows, with what was told of them.
        nbytes: about how many bytes of memory it took after the last of them.
    """

    def __init__(self, name: str, kind: Kind, detector: AnyDetector, record: int = 0) -> None:
        self.name, self.kind, self.detector, self.record = name, kind, detector, record
        self.nbytes = detector.nbytes
        self.maintenance: list[tuple[float, float]] = []
        self.alarms = 0
        self.last_event: StreamEvent | None = None
        self.recent: deque[ToldRow] = deque(maxlen=RECENT)
        self._answers: deque[Answer] = deque(maxlen=_ANSWERS)
        self._alarm_rows: deque[int] = deque()  # of the last `RATED` rows

    @classmethod
    def of_first(cls, record: ObserveRecord | StreamRecord) -> "Stream":
        """Return the new stream that a record begins. Raises ValueError for one that begins none."""
        if isinstance(record, ObserveRecord):
            return cls(record.stream, record.kind, newborn(record.kind, {}))
        if record.kind is None:
            raise ValueError("there is no stream of this name")
        return cls(record.stream, record.kind, newborn(record.kind, record.options or {}))

    @property
    def last_row_at(self) -> float | None:
        return self.recent[-1].at if self.recent else None

    @property
    def info(self) -> StreamInfo:
        rows = self.detector.rows
        return StreamInfo(
            self.name,
            self.kind,
            self.record,
            rows=rows,
            remaining=self.detector.remaining,
            alarms=self.alarms,
            alarms_in_1000=1000 * len(self._alarm_rows) / max(1, min(rows, RATED)),
            score=self.recent[-1].score if self.recent else 0.0,
            last_row_at=self.last_row_at,
            last_event=self.last_event,
            options=options_of(self.detector),
            maintenance=list(self.maintenance),
        )

    def observe(self, number: int, record: ObserveRecord) -> tuple[Observed, list[StreamEvent]]:
        """Tell of the rows of journal record `number` and learn them; return also the events, not numbered yet.

        Raises ValueError, which names the row as `rows[3]`, with nothing changed.
        """
        self.record = number
        first_row = self.detector.rows + 1
        try:
            if self.kind != record.kind:
                raise ValueError(f"the stream is of {self.kind}, and the rows are not")
            muted = [self._is_maintained(record.at if at is None else at) for at, _ in record.rows]
            learn = [record.learn and not each for each in muted]
            told = run(self.kind, self.detector, record.rows, learn)
            self.nbytes = self.detector.nbytes
        except ValueError as error:
            self._answers.append(Answer(number, 0, 0, str(error)))
            raise
        rows = [ToldRow.of(what, each) for (_, what), each in zip(record.rows, told, strict=True)]
        self.recent.extend(rows)
        self._answers.append(Answer(number, first_row, len(rows), None))
        events = [
            self._event(row, record.at, is_muted)
            for row, is_muted in zip(rows, muted, strict=True)
            if row.event is not None
        ]
        if events:
            self.last_event = events[-1]
        while self._alarm_rows and self._alarm_rows[0] <= self.detector.rows - RATED:
            self._alarm_rows.popleft()
        return Observed(first_row, len(rows), rows), events

    def change(self, number: int, record: StreamRecord) -> list[StreamEvent]:
        """Do what a person wants of it, and return the event that is over by it. Raises ValueError, nothing changed."""
        self.record = number
        events, last = list[StreamEvent](), self.last_event
        if record.event is not None and record.verdict is not None:
            self.detector.feedback(record.event, record.verdict)
            is_open = self.kind in ("values", "several") and last is not None and last.state != "closed"
            if is_open and last is not None and last.number == record.event and record.verdict == "normal":
                self.last_event = msgspec.structs.replace(last, state="closed")
                events.append(self.last_event)
        if record.options:
            change_(self.detector, record.options)
        if record.maintenance is not None:
            self.maintenance = list(record.maintenance)
        return events

    def answer(self, number: int) -> Observed | None:
        """Return what became of the rows of an earlier record, if that is known. Raises ValueError as then."""
        for each in self._answers:
            if each.record == number:
                if each.refused is not None:
                    raise ValueError(each.refused)
                rows = range(each.first_row, each.first_row + each.count)
                return Observed(each.first_row, each.count, [row for row in self.recent if row.row in rows])
        return None

    def to_bytes(self) -> bytes:
        """Return everything."""
        return msgspec.msgpack.encode(
            _Kept(
                self.info,
                list(self.recent),
                list(self._answers),
                list(self._alarm_rows),
                self.detector.checkpoint().to_bytes(),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Stream":
        """Return the stream that `to_bytes` told of. Raises ValueError for any other version's."""
        kept = msgspec.msgpack.decode(data, type=_Kept)
        info = kept.info
        stream = cls(info.name, info.kind, revived(info.kind, kept.checkpoint), info.record)
        stream.maintenance, stream.alarms, stream.last_event = info.maintenance, info.alarms, info.last_event
        stream.recent.extend(kept.recent)
        stream._answers.extend(kept.answers)
        stream._alarm_rows.extend(kept.alarm_rows)
        return stream

    def _is_maintained(self, at: float) -> bool:
        return any(begin <= at < end for begin, end in self.maintenance)

    def _event(self, row: ToldRow, received_at: float, muted: bool) -> StreamEvent:
        assert row.event is not None
        number, state = row.event
        if state == "open":
            self.alarms += 1
            self._alarm_rows.append(row.row)
        told: dict[str, Any] = {
            name: getattr(row, name)
            for name in ("row", "at", "what", "score", "bits", "why", "expected", "low", "high", "each")
        }
        told |= {"number": number, "state": state, "received_at": received_at, "muted": muted, "kind": self.kind}
        return StreamEvent(id=0, stream=self.name, **told)
