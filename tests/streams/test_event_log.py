"""The log of events where not all of them are in memory."""

from pathlib import Path

import pytest

from service.store import open_store
from service.streams.event_log import EventLog
from service.streams.rows import StreamEvent

pytestmark = pytest.mark.anyio


def event(stream: str) -> StreamEvent:
    return StreamEvent(0, stream, 1, "open", 1, None, 0.0, 1.0, 0.6, 12.0, {}, None, None, None, False, "values")


@pytest.mark.parametrize("is_reopened", [False, True])
async def test_the_newest_are_found_in_memory_and_in_the_store(tmp_path: Path, is_reopened: bool) -> None:
    store = open_store(f"file://{tmp_path}")
    log = EventLog(store, "net")
    for record in range(1, 301):
        log.add(record, [event("rare" if record % 100 == 1 else "often"), *[event("often")] * 9])
        if log.is_full:
            await log.save()
    if is_reopened:
        await log.save()
        log = EventLog(store, "net")
        await log.open()
    assert [each.id for each in await log.newest(0, 3)] == [2998, 2999, 3000]
    assert [each.id for each in await log.newest(0, 5, "rare")] == [1, 1001, 2001]
    assert [each.id for each in await log.newest(0, 2, "rare")] == [1001, 2001]
    assert [each.id for each in await log.newest(1000, 5, "rare")] == [1001, 2001]
    assert await log.newest(3000, 5) == []
    assert await log.newest(0, 5, "none") == []
    assert [each.id for each in await log.newest(0, 5000)] == list(range(1, 3001))
