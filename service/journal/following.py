"""Read the records of a journal that another server writes, as they come, without a gap."""

from service.journal.codec import whole_records
from service.journal.records import OriginRecord, Record, UnorderedRestoreRecord
from service.store.base import Rewritten, Tail


class FollowedJournal:
    """The records behind number `last`, which rises as they are read. Reads on one thread."""

    def __init__(self, tail: Tail, last: int) -> None:
        self.last = last
        self._tail = tail
        self._begins = True  # what comes may still be records up to `last`
        self._unread = 0

    def next(self, seconds: float) -> list[tuple[int, Record]]:
        """Return the records that have come, or none if none comes within so many seconds.

        Raises Rewritten where they do not follow what was read before, StoreError while the store is in trouble, and
        JournalDamaged for a record of another version.
        """
        data = self._tail.next(seconds, self._unread)
        self._unread = 0
        found: list[tuple[int, Record]] = []
        end = 0
        for seq, record, start, record_end in whole_records(data):
            if start > end:
                raise Rewritten(f"the journal is damaged after record {self.last}")
            end = record_end
            if self._begins and seq <= self.last:
                continue
            self._begins = False
            if seq != self.last + 1:
                raise Rewritten(f"record {seq} of the journal follows record {self.last}")
            if isinstance(record, OriginRecord | UnorderedRestoreRecord):
                raise Rewritten(f"record {seq} of the journal begins another life")
            self.last = seq
            found.append((seq, record))
        self._unread = len(data) - end
        return found

    def close(self) -> None:
        self._tail.close()
