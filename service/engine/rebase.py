"""What may be asked of the engine of a child."""

from dataclasses import dataclass

from realnet.dendrites.parent import Parent
from service.engine.commands import JournalledCommand
from service.journal.records import RebaseRecord
from service.replica.entry import Entry
from service.replica.replica import Horizon


@dataclass(slots=True, eq=False)
class Rebase(JournalledCommand[int]):
    """Go on over another parent. Replies with the tick; refused with Conflict where the two do not go together."""

    parent: Parent

    def entry(self, horizon: Horizon) -> Entry:
        return Entry(RebaseRecord(horizon.tick, self.parent.sha256), parent=self.parent, waiter=self)
