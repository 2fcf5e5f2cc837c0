"""A journal that is read while another process writes it: every record once, and none that is not there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.journal.codec import encode_record
from service.journal.following import FollowedJournal
from service.journal.records import NoteRecord, OriginRecord
from service.store import open_log, open_tail
from service.store.base import Log, Rewritten

KEY = "default/journal"


def encoded(*numbers: int) -> bytes:
    return b"".join(encode_record(number, NoteRecord(f"note {number}")) for number in numbers)


def numbers(journal: FollowedJournal) -> list[int]:
    """Return the numbers of all records that are there now."""
    found: list[int] = []
    while records := journal.next(0.02):
        found += [number for number, _ in records]
    return found


@pytest.fixture
def log(store_url: str) -> Iterator[Log]:
    opened = open_log(store_url, KEY)
    yield opened
    opened.close()


def test_what_is_appended_is_read_once_wherever_it_begins(log: Log, store_url: str) -> None:
    log.append(1, encoded(1, 2, 3), True)
    early, late = (FollowedJournal(open_tail(store_url, KEY, last), last) for last in (0, 2))
    assert (numbers(early), numbers(late)) == ([1, 2, 3], [3])
    log.append(4, encoded(4), False)
    log.append(5, encoded(5, 6), True)
    assert (numbers(early), numbers(late)) == ([4, 5, 6], [4, 5, 6])
    assert numbers(early) == []
    other = open_log(store_url, KEY)  # as a start does: another segment, or another turn
    other.append(7, encoded(7), True)
    assert (numbers(early), early.last) == ([7], 7)
    for each in (other, early, late):
        each.close()


def test_one_that_was_away_while_its_records_were_dropped_sees_that(log: Log, store_url: str) -> None:
    log.append(1, encoded(1), True)
    behind = FollowedJournal(open_tail(store_url, KEY, 1), 1)
    assert numbers(behind) == []
    log.append(2, encoded(2), True)
    log.clear()
    log.append(5, encoded(5), True)
    with pytest.raises(Rewritten):
        numbers(behind)
    behind.close()


def test_another_life_is_not_gone_on_with(log: Log, store_url: str) -> None:
    log.append(1, encoded(1), True)
    journal = FollowedJournal(open_tail(store_url, KEY, 0), 0)
    assert numbers(journal) == [1]
    log.clear()
    log.append(2, encode_record(2, OriginRecord()), True)
    with pytest.raises(Rewritten, match="begins another life"):
        numbers(journal)
    journal.close()


def test_a_journal_that_is_gone_is_missed(log: Log, store_url: str) -> None:
    log.append(7, encoded(7, 8), True)
    journal = FollowedJournal(open_tail(store_url, KEY, 6), 6)
    assert numbers(journal) == [7, 8]
    log.clear()
    log.append(1, encoded(1), True)
    with pytest.raises(Rewritten):
        [*map(numbers, [journal] * 3)]
    journal.close()


def test_a_record_is_read_when_it_is_whole_and_one_that_is_taken_back_is_missed(tmp_path: Path) -> None:
    url = f"file://{tmp_path}"
    log = open_log(url, KEY)
    log.append(1, encoded(1), True)
    journal = FollowedJournal(open_tail(url, KEY, 0), 0)
    assert numbers(journal) == [1]
    whole = encoded(2, 3)
    log.append(2, whole[:-5], False)
    assert numbers(journal) == [2]
    log.append(3, whole[-5:], False)
    assert numbers(journal) == [3]
    segment = next((tmp_path / KEY).glob("*.journal"))
    segment.write_bytes(segment.read_bytes()[: len(encoded(1))])  # as `repair` does
    with pytest.raises(Rewritten, match="is shorter than what was read of it"):
        numbers(journal)
    journal.close()
    log.close()
