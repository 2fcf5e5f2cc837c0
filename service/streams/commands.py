"""What may be asked of streams: each command is journalled by the engine, and carried out by the streams."""

from dataclasses import dataclass, field

from service.engine.commands import NOBODY, JournalledCommand, Sender
from service.journal.records import ObserveRecord, StreamRecord
from service.replica.entry import Entry
from service.replica.replica import Horizon
from service.streams.rows import Observed, Row


@dataclass(slots=True, eq=False)
class Observe(JournalledCommand[Observed]):
    """Rows of a stream, at least one, all lines or all values."""

    stream: str
    rows: list[Row]
    learn: bool = True
    sender: Sender = NOBODY

    def entry(self, horizon: Horizon) -> Entry:
        sender = self.sender
        record = ObserveRecord(
            self.stream,
            self.rows,
            self.learn,
            client=sender.client,
            client_seq=sender.seq,
            key=sender.key,
            digest=sender.digest,
            at=sender.at,
            space=sender.space,
        )
        return Entry(record, waiter=self)


@dataclass(slots=True, eq=False)
class ChangeStream(JournalledCommand[None]):
    """What a person wants of a stream."""

    record: StreamRecord
    rows: list[Row] = field(default_factory=list)

    @property
    def stream(self) -> str:
        return self.record.stream

    def entry(self, horizon: Horizon) -> Entry:
        return Entry(self.record, waiter=self)
