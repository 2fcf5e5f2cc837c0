"""Apply the journal's entries to streams: on a thread of their own, and without the store."""

import logging
import re
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from service.errors import Conflict, ErrorLocation, Invalid, Refused
from service.journal.records import ObserveRecord, StreamRecord
from service.replica.entry import Entry
from service.streams.rows import Observed, StreamEvent
from service.streams.stream import Stream

_PLACE = re.compile(r"rows\[(\d+)\](\.at)?:? ?")
_logger = logging.getLogger(__name__)

Named: TypeAlias = dict[str, Stream | Refused | None]  # by name; or why there is none


class Outcome(NamedTuple):
    """What became of an entry; of one that was applied before, nothing."""

    observed: Observed | None = None
    events: Sequence[StreamEvent] = ()
    error: Refused | None = None
    forgets: bool = False  # the stream


def apply(entries: list[Entry], streams: Named) -> list[Outcome]:
    """Apply entries in order to `streams`, which have a key for each name, and in which new ones are put."""
    return [_apply(entry, streams) for entry in entries]


def located(error: ValueError) -> Invalid:
    """Return the error of rows that a detector has refused, at its place in the body."""
    place = _PLACE.match(str(error))
    if place is None:
        return Invalid([ErrorLocation(detail=str(error), pointer="/rows")])
    pointer = f"/rows/{place[1]}" + ("/at" if place[2] else "")
    return Invalid([ErrorLocation(detail=str(error)[place.end() :], pointer=pointer)])


def _apply(entry: Entry, streams: Named) -> Outcome:
    record = entry.record
    assert isinstance(record, ObserveRecord | StreamRecord)
    name, stream = record.stream, streams[record.stream]
    forgets = isinstance(record, StreamRecord) and record.forget
    try:
        if isinstance(stream, Refused):
            return Outcome(forgets=True) if forgets else Outcome(error=stream)
        if stream is not None and entry.seq <= stream.record:
            return Outcome()
        if stream is None:
            stream = streams[name] = Stream.of_first(record)
        elif forgets:
            streams[name] = None
            return Outcome(forgets=True)
        if isinstance(record, ObserveRecord):
            return Outcome(*stream.observe(entry.seq, record))
        return Outcome(events=stream.change(entry.seq, record))
    except ValueError as error:
        return Outcome(error=located(error) if isinstance(record, ObserveRecord) else Conflict(str(error)))
    except Exception:
        _logger.exception("stream %r has failed: its rows are refused from now on", name)
        failed = streams[name] = Conflict("the stream has failed, as the server's log tells: delete it to begin anew")
        return Outcome(error=failed)
