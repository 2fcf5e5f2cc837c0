"""The events of all streams, in the order in which they came, and where they are kept in the store."""

import asyncio
import hashlib
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from service.store.base import Store
from service.store.keys import NetKeys
from service.streams.rows import StreamEvent

KEPT = 100_000  # events; older ones are dropped, whether or not they were delivered
_SEGMENT = 256  # events in one value of the store
_HERE = 4 * _SEGMENT  # that are in memory
_DIGEST = 32
_logger = logging.getLogger(__name__)


class _Segment(msgspec.Struct, array_like=True):
    record: int  # of the journal: all events up to it are there
    events: list[StreamEvent]


class EventLog:
    """Numbers events, keeps the newest in memory and all in segments. On the loop; every method may raise StoreError.

    Attributes:
        last: the id of the newest.
        record: the journal's number of the record up to which all events were added.
        on_added: functions that are called with new events.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.last, self.record = 0, 0
        self.on_added: list[Callable[[list[StreamEvent]], None]] = []
        self._store, self._keys = store, NetKeys(name).stream_events
        self._here: deque[StreamEvent] = deque(maxlen=_HERE)
        self._saved = 0  # the id of the last that is stored
        self._saving = asyncio.Lock()

    @property
    def is_full(self) -> bool:
        """Return whether they must be stored before many more come."""
        return self.last - self._saved > _HERE // 2

    async def open(self) -> None:
        """Go on from what is stored."""
        keys = await self._store.keys(self._keys)
        self._here.clear()
        self.last = self._saved = self.record = 0
        for key in keys[-_HERE // _SEGMENT :]:
            if (segment := await self._read(key)) is not None:
                self._here.extend(segment.events)
                self.record = segment.record
        if self._here:
            self.last = self._saved = self._here[-1].id
        elif keys:  # they are damaged: no id is given twice
            self.last = self._saved = _SEGMENT * int(keys[-1].removeprefix(self._keys))

    def add(self, record: int, events: Sequence[StreamEvent]) -> list[StreamEvent]:
        """Number the events of a record and return them; none if it is not behind the last that was added."""
        if record <= self.record:
            return []
        self.record = record
        added = []
        for event in events:
            self.last += 1
            added.append(msgspec.structs.replace(event, id=self.last))
        self._here.extend(added)
        if added:
            for listener in self.on_added:
                listener(added)
        return added

    async def after(self, id: int, limit: int, stream: str | None = None) -> list[StreamEvent]:
        """Return the first events behind the one of this id, of all streams or of one."""
        found: list[StreamEvent] = []
        while id < self.last and len(found) < limit:
            segment = await self._segment_after(id)
            found += [each for each in segment if each.id > id and stream in (None, each.stream)]
            id = segment[-1].id if segment else id - id % _SEGMENT + _SEGMENT
        return found[:limit]

    async def newest(self, id: int, limit: int, stream: str | None = None) -> list[StreamEvent]:
        """Return the last events, if they are behind the one of this id, of all streams or of one."""
        found: list[StreamEvent] = []
        behind = self.last - self.last % _SEGMENT  # the ids of the newest segment
        while behind + _SEGMENT > max(id, self.last - KEPT) and behind >= 0 and len(found) < limit:
            segment = await self._segment_after(behind)
            found = [each for each in segment if each.id > id and stream in (None, each.stream)] + found
            behind -= _SEGMENT
        return found[-limit:]

    async def save(self) -> None:
        """Store what was added, and drop what is too old."""
        async with self._saving:
            record, last = self.record, self.last
            while self._saved < last:
                number = self._saved // _SEGMENT + 1
                events = [each for each in await self._segment_after(_SEGMENT * (number - 1)) if each.id <= last]
                data = msgspec.msgpack.encode(_Segment(record, events))
                await self._store.put(self._key(number), hashlib.sha256(data).digest() + data)
                self._saved = min(last, _SEGMENT * number)
                if (old := number - 1 - math.ceil(KEPT / _SEGMENT)) > 0:
                    await self._store.delete(self._key(old))

    async def _segment_after(self, id: int) -> list[StreamEvent]:
        """Return the events of the segment that has the one behind `id`; those from it on, where all are in memory."""
        number = id // _SEGMENT + 1
        first, last = _SEGMENT * (number - 1) + 1, _SEGMENT * number
        if self._here and self._here[0].id <= first:
            return [each for each in self._here if first <= each.id <= last]
        segment = await self._read(self._key(number))
        stored = [] if segment is None else segment.events
        known = stored[-1].id if stored else 0
        return stored + [each for each in self._here if max(first, known + 1) <= each.id <= last]

    async def _read(self, key: str) -> _Segment | None:
        data = await self._store.get(key)
        if data is None:
            return None
        if hashlib.sha256(data[_DIGEST:]).digest() == data[:_DIGEST]:
            try:
                return msgspec.msgpack.decode(data[_DIGEST:], type=_Segment)
            except msgspec.DecodeError:
                pass
        _logger.error("the events in %s are damaged, and are left out", key)
        return None

    def _key(self, number: int) -> str:
        return f"{self._keys}{number:010d}"
