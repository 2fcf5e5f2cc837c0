"""What may be asked of the engine about the sessions of its net."""

from dataclasses import dataclass
from typing import NamedTuple

from service.engine.commands import JournalledCommand, Query
from service.journal.position import JournalPosition
from service.journal.records import ForgetRecord
from service.replica.entry import Entry
from service.replica.replica import Horizon, Replica


class SessionInfo(NamedTuple):
    """A session: how many ticks were lived in it, and the last of them."""

    name: str
    tokens: int
    last_tick: int


@dataclass(slots=True, eq=False)
class ListSessions(Query[list[SessionInfo]]):
    """The sessions, the one that was lived in last first."""

    def answer(self, replica: Replica, position: JournalPosition | None) -> list[SessionInfo]:
        return [SessionInfo(name, each.tokens, each.tick) for name, each in replica.sessions]


@dataclass(slots=True, eq=False)
class Forget(JournalledCommand[int]):
    """Forget a session. Replies with the tick; it is refused with NotFound where there is none."""

    session: str

    def entry(self, horizon: Horizon) -> Entry:
        return Entry(ForgetRecord(self.session), waiter=self)
