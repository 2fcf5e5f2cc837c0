"""Records, and the log that keeps them, on both stores."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from service.journal.codec import encode_record
from service.journal.records import (
    ChangeRecord,
    EpisodeRecord,
    IdleRecord,
    InputRecord,
    NoteRecord,
    OriginRecord,
    Record,
    RestoreRecord,
    SessionInputRecord,
    SnapshotRef,
    TogetherRecord,
    UnorderedRestoreRecord,
    WeightUpdateRecord,
    packed_tokens,
    unpacked_tokens,
)
from service.journal.scan import read_from, scan
from service.store import open_log
from service.store.base import Block, Log, StoreError
from tests.redis_server import RedisServer
from tests.runtime.life import BIRTH
from tests.store.disk import Disk

pytestmark = pytest.mark.anyio

INPUTS = st.builds(
    SessionInputRecord, st.integers(0, 2**40), st.floats(0, 10), st.integers(1, 9), st.binary(), session=st.text()
)
RECORDS = st.one_of(
    INPUTS,
    st.builds(TogetherRecord, st.integers(0, 2**40), st.integers(1, 64), st.lists(INPUTS, min_size=1, max_size=3)),
    st.builds(InputRecord, st.integers(0, 2**40), st.floats(0, 10), st.just(3), st.binary(min_size=3, max_size=3)),
    st.builds(IdleRecord, st.integers(0, 2**40), st.floats(0, 10), st.integers(1, 64)),
    st.builds(ChangeRecord, st.none() | st.floats(0, 1e6), st.none() | st.booleans(), st.none() | st.booleans()),
    st.builds(UnorderedRestoreRecord, st.just("00000001"), st.just("ab" * 32), st.integers(0, 2**40)),
    st.builds(RestoreRecord, st.just(SnapshotRef("00000001", "ab"))),
    st.builds(
        WeightUpdateRecord,
        st.just(5),
        st.text(),
        st.just(SnapshotRef("00000001", "ab")),
        st.none() | st.just(SnapshotRef("2", "")),
    ),
    st.builds(NoteRecord, st.text()),
    st.builds(OriginRecord, st.none(), st.just(BIRTH)),
    st.builds(EpisodeRecord, st.just(5), st.just(0.5), st.just(2), st.text(), st.just(9), st.binary(), st.binary()),
)


@given(st.lists(RECORDS, max_size=8), st.integers(1, 2**60))
async def test_a_record_comes_back_as_it_was_written(records: list[Record], first: int) -> None:
    data = b"".join(encode_record(first + i, record) for i, record in enumerate(records))
    blocks = [Block("one", data)]
    assert list(read_from(blocks, 0)) == [(first + i, record) for i, record in enumerate(records)]
    found = scan(blocks)
    assert (found.torn, found.last) == (None, first + len(records) - 1 if records else 0)


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=9))
async def test_tokens_come_back_from_their_bytes(tokens: list[int]) -> None:
    packed = packed_tokens(np.array(tokens, np.int32))
    assert unpacked_tokens(packed, len(tokens)).tolist() == tokens


@pytest.fixture
def log(store_url: str) -> Iterator[Log]:
    log = open_log(store_url, "net/journal")
    yield log
    log.close()


def content(log: Log) -> bytes:
    return b"".join(block.data for block in log.read())


def test_what_was_appended_is_there_in_order(log: Log, store_url: str) -> None:
    assert content(log) == b""
    for seq, data in ((1, b"one"), (2, b""), (3, b"three" * 1000), (10, b"ten")):
        log.append(seq, data, durable=seq % 2 == 0)
    log.sync()
    again = open_log(store_url, "net/journal")
    assert content(again) == b"one" + b"three" * 1000 + b"ten"
    again.append(11, b"more", durable=True)
    assert content(log).endswith(b"tenmore")
    again.close()


def test_a_log_is_cut_at_any_byte_and_goes_on(store_url: str) -> None:
    for offset in range(4):
        log = open_log(store_url, f"net/{offset}")
        log.append(1, b"abc", durable=True)
        log.close()
        log = open_log(store_url, f"net/{offset}")
        log.append(4, b"def", durable=True)
        *_, last = log.read()
        log.cut(last.name, offset)
        assert content(log) == b"abc" + b"def"[:offset]
        log.close()
        log = open_log(store_url, f"net/{offset}")
        log.append(4 + offset, b"ghi", durable=True)
        assert content(log) == b"abc" + b"def"[:offset] + b"ghi"
        log.clear()
        assert content(log) == b""
        log.close()


def test_a_trimmed_log_keeps_what_is_needed(store_url: str) -> None:
    for seq in (1, 5, 9):  # each start begins a block
        log = open_log(store_url, "net/journal")
        log.append(seq, b"%d" % seq, durable=True)
        log.close()
    log = open_log(store_url, "net/journal")
    for seq, left in ((4, b"159"), (5, b"59"), (8, b"59"), (9, b"9"), (100, b"9")):
        log.trim(seq)
        assert content(log) == left
    log.close()


def test_only_the_blocks_that_may_hold_what_is_asked_for_are_read(store_url: str) -> None:
    for seq in (1, 5, 9):  # each start begins a block
        log = open_log(store_url, "net/journal")
        log.append(seq, b"%d" % seq, durable=True)
        log.close()
    for after, expected in ((0, b"159"), (3, b"159"), (4, b"59"), (7, b"59"), (8, b"9"), (1000, b"9")):
        assert b"".join(block.data for block in log.read(after)) == expected
    log.close()


def test_a_log_is_followed_by_one_who_does_not_own_it(store_url: str) -> None:
    reader = open_log(store_url, "net/journal")

    def follow(after: int) -> list[int]:
        return [seq for seq, _ in read_from(reader.read(after), after + 1)]

    def records(*numbers: int) -> bytes:
        return b"".join(encode_record(seq, NoteRecord(f"number {seq}")) for seq in numbers)

    assert follow(0) == []
    owner = open_log(store_url, "net/journal")
    owner.append(1, records(1, 2), durable=True)
    owner.append(3, records(3), durable=False)
    assert follow(0) == [1, 2, 3]
    owner.append(4, records(4, 5)[:-1], durable=True)  # it dies in the middle of it
    before = content(reader)
    assert follow(3) == [4]
    assert follow(4) == []
    assert content(reader) == before
    owner.close()
    owner = open_log(store_url, "net/journal")
    torn = scan(owner.read(), 0).torn
    assert torn is not None
    owner.cut(*torn[:2])
    owner.append(5, records(5), durable=True)
    owner.append(6, records(6), durable=True)
    assert follow(4) == [5, 6]
    owner.trim(6)
    assert follow(5) == [6]
    for each in (owner, reader):
        each.close()


def test_reading_makes_nothing(store_url: str, tmp_path: Path) -> None:
    log = open_log(store_url, "net/journal")
    assert list(log.read(7)) == []
    log.close()
    assert not (tmp_path / "store").exists()
    other = open_log(store_url, "net/journal")
    other.append(1, b"one", durable=True)  # in the place that would be another's if it had been taken
    assert content(other) == b"one"
    other.close()


def test_an_append_that_failed_leaves_nothing_after_the_repair(redis_server: RedisServer) -> None:
    log = open_log(redis_server.url, "net/journal")
    log.append(1, b"one", durable=True)
    redis_server.kill()
    with pytest.raises(StoreError):
        log.append(2, b"lost", durable=True)
    with pytest.raises(StoreError):
        log.repair()
    redis_server.start()
    log.repair()
    log.append(2, b"two", durable=True)
    assert content(log) == b"onetwo"
    log.close()


def test_an_append_that_comes_too_late_is_refused(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when Redis stalls, and obeys only when the journal has given it up."""
    monkeypatch.setattr("service.store.redis_log.CALL_SECONDS", 0.3)
    log = open_log(redis_server.url, "net/journal")
    log.append(1, b"one", durable=True)
    redis_server.stall()
    with pytest.raises(StoreError):
        log.append(2, b"late", durable=True)
    redis_server.resume()
    log.repair()
    log.append(2, b"two", durable=True)
    assert content(log) == b"onetwo"
    log.close()


@pytest.mark.parametrize("durable", [False, True])
def test_what_a_failed_sync_has_dropped_is_written_again(tmp_path: Path, disk: Disk, durable: bool) -> None:
    log = open_log(f"file://{tmp_path}", "default/journal")
    log.append(1, b"one", durable=True)
    log.append(2, b"two", durable=False)
    disk.fails = True
    with pytest.raises(StoreError):
        log.append(3, b"refused", durable=True) if durable else log.sync()
    assert b"two" not in content(log)
    for _ in range(2):
        with pytest.raises(StoreError):
            log.repair()
    disk.fails = False
    log.repair()
    assert content(log) == b"onetwo"
    log.append(3, b"three", durable=False)
    log.sync()
    assert content(log) == b"onetwothree"
    log.close()
    assert len(list((tmp_path / "default" / "journal").iterdir())) == 1


def test_it_is_seen_when_redis_has_lost_what_was_appended(redis_server: RedisServer) -> None:
    losses: list[int] = []
    log = open_log(redis_server.url, "net/journal")
    log.on_loss = lambda: losses.append(1)
    client = Redis.from_url(redis_server.url)

    def start_again() -> None:
        redis_server.kill()
        redis_server.start()

    def lose_the_end() -> None:
        client.xdel("realnet:net/journal", client.xrevrange("realnet:net/journal", count=1)[0][0])  # type: ignore
        start_again()

    for number, (happens, seen) in enumerate(
        [(start_again, 0), (lose_the_end, 1), (start_again, 1), (redis_server.lose_everything, 2), (start_again, 2)]
    ):
        log.append(2 * number, b"a", durable=True)
        happens()
        log.append(2 * number + 1, b"b", durable=True)
        assert len(losses) == seen
    assert content(log) == b"bab"
    client.close()
    log.close()
