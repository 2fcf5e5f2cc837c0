"""Give a journal away as it is stored, and read such a copy."""

from collections.abc import Iterator
from typing import BinaryIO

from service.errors import Conflict
from service.journal.codec import JournalDamaged, whole_records
from service.journal.records import Record
from service.store.base import Log

_AT_ONCE = 4 * 2**20


def octets_after(log: Log, after: int) -> Iterator[bytes]:
    """Yield what a journal has behind record `after`, and perhaps some records before it; close the log then.

    The last one may be cut off: it is being written. Raises Conflict where the journal begins later, and StoreError.
    """
    is_checked = not after
    try:
        for block in log.read(after):
            if not is_checked and (found := next(whole_records(block.data), None)) is not None:
                if found[0] > after + 1:
                    raise Conflict(f"the journal begins at record {found[0]}: what was before is in snapshots only")
                is_checked = True
            yield block.data
    finally:
        log.close()


def records_of(file: BinaryIO) -> Iterator[tuple[int, Record]]:
    """Yield the records of a copy, until one is not whole. Raises JournalDamaged where one is missing."""
    data, last = b"", 0
    while piece := file.read(max(_AT_ONCE, len(data))):
        data += piece
        end = 0
        for seq, record, start, record_end in whole_records(data):
            if start > end:  # found within one that is not whole yet
                break
            if last and seq != last + 1:
                raise JournalDamaged(f"record {seq} of the journal follows record {last}")
            yield seq, record
            last, end = seq, record_end
        data = data[end:]
