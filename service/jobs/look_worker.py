"""Look through a copy of a journal: `python -m service.jobs.look_worker DIRECTORY`; `service.jobs.worker` is its frame.

In the directory there is the `journal`. What is said is what it needs to be relived.
"""

from pathlib import Path
from typing import Any

from service.jobs.process import JOURNAL
from service.jobs.worker import Reports, work
from service.journal.codec import JournalDamaged
from service.journal.copies import records_of
from service.journal.records import OriginRecord, UnorderedRestoreRecord
from service.journal.scan import named_in


def _look(directory: Path, reports: Reports) -> dict[str, Any]:
    """Return the first and last record, what the first says of the beginning, and which snapshots others need.

    `broken` is the last record up to which it cannot be relived in order.
    """
    first = last = broken = 0
    origin: OriginRecord | None = None
    needs: list[tuple[int, str]] = []
    try:
        with (directory / JOURNAL).open("rb") as file:
            for last, record in records_of(file):
                first = first or last
                if isinstance(record, OriginRecord) and last == first:
                    origin = record
                elif isinstance(record, OriginRecord | UnorderedRestoreRecord):
                    broken = last
                needs += [(last, each.id) for each in named_in(record)]
    except JournalDamaged as error:
        raise ValueError(error) from error
    return {
        "first": first,
        "last": last,
        "is_birth": origin is not None and origin.snapshot is None,
        "origin": None if origin is None else origin.snapshot,
        "needs": needs,
        "broken": broken,
    }


if __name__ == "__main__":
    work(_look)
