"""What may be asked of streams: each command is journalled by the engine, and carried out by the streams."""

import hashlib
from dataclasses import dataclass, field

import msgspec

from realnet.streams.masking import cut
from service.engine.commands import NOBODY, JournalledCommand, Sender
from service.journal.records import ObserveRecord, StreamRecord
from service.replica.entry import Entry
from service.replica.replica import Horizon
from service.streams.rows import Kind, Observed, Row


@dataclass(slots=True, eq=False)
class Observe(JournalledCommand[Observed]):
    """Rows of a stream, at least one, all of one kind."""

    stream: str
    kind: Kind
    rows: list[Row]
    learn: bool = True
    sender: Sender = NOBODY

    def __post_init__(self) -> None:
        if self.kind == "lines":
            self.rows = [(at, cut(str(what))) for at, what in self.rows]

    @property
    def digest(self) -> str:
        """Return 16 hexadecimal digits by which the rows are known again."""
        return hashlib.sha256(msgspec.msgpack.encode((self.stream, self.kind, self.rows, self.learn))).hexdigest()[:16]

    def entry(self, horizon: Horizon) -> Entry:
        sender = self.sender
        record = ObserveRecord(
            self.stream,
            self.kind,
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
