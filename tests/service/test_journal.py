"""What the journal promises: all that was done is done again, once, whatever a client repeats and the store does."""

# ruff: noqa: F811  (fixtures are imported)

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from service.commands import Clone, Configure, Run
from service.modes import Mode
from service.problems import NotDurable
from service.records import (
    Adopted,
    Begun,
    Changed,
    Dreamt,
    Idled,
    Lived,
    Named,
    Noted,
    Record,
    Restored,
    encode,
    look_through,
    packed_tokens,
    read_from,
    unpacked_tokens,
)
from service.store import Block, Log, StoreError, open_log
from tests.redis_server import RedisServer, redis_server, store_url  # noqa: F401
from tests.service.life import BIRTH, born, frames, living, replayed

pytestmark = pytest.mark.anyio

RECORDS = st.one_of(
    st.builds(Lived, st.integers(0, 2**40), st.floats(0, 10), st.just(3), st.binary(min_size=3, max_size=3)),
    st.builds(Idled, st.integers(0, 2**40), st.floats(0, 10), st.integers(1, 64)),
    st.builds(Changed, st.none() | st.floats(0, 1e6), st.none() | st.booleans()),
    st.builds(Restored, st.just("00000001"), st.just("ab" * 32), st.integers(0, 2**40)),
    st.builds(Adopted, st.just(5), st.text(), st.just(Named("00000001", "ab")), st.none() | st.just(Named("2", ""))),
    st.builds(Noted, st.text()),
    st.builds(Begun, st.none(), st.just(BIRTH)),
    st.builds(Dreamt, st.just(5), st.just(0.5), st.just(2), st.text(), st.just(9), st.binary(), st.binary()),
)


@given(st.lists(RECORDS, max_size=8), st.integers(1, 2**60))
async def test_a_record_comes_back_as_it_was_written(records: list[Record], first: int) -> None:
    data = b"".join(encode(first + i, record) for i, record in enumerate(records))
    blocks = [Block("one", data)]
    assert list(read_from(blocks, 0)) == [(first + i, record) for i, record in enumerate(records)]
    found = look_through(blocks)
    assert (found.torn, found.last) == (None, first + len(records) - 1 if records else 0)


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=9))
async def test_tokens_come_back_from_their_bytes(tokens: list[int]) -> None:
    packed = packed_tokens(np.array(tokens, np.int32))
    assert unpacked_tokens(packed, len(tokens)).tolist() == tokens


# The laws of a log, on both stores:


@pytest.fixture
def log(store_url: str) -> Iterator[Log]:
    log = open_log(store_url, "net/journal")
    yield log
    log.close()


def content(log: Log) -> bytes:
    return b"".join(block.data for block in log.blocks())


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
        *_, last = log.blocks()
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


class Disk:
    """Drops what it could not write, as Linux does: to sync once more succeeds, and proves nothing."""

    def __init__(self, directory: Path) -> None:
        self.fails = False
        self._directory = directory
        self._synced: dict[Path, int] = {}
        self._fdatasync, self._fsync = os.fdatasync, os.fsync

    def fdatasync(self, descriptor: int) -> None:
        segment = max(self._directory.glob("*.journal"))
        if self.fails:
            with segment.open("r+b") as file:
                file.seek(self._synced.get(segment, 0))
                file.write(bytes(segment.stat().st_size - file.tell()))
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._fdatasync(descriptor)
        self._synced[segment] = segment.stat().st_size

    def fsync(self, descriptor: int) -> None:
        if self.fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._fsync(descriptor)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(tmp_path / "default" / "journal")
    monkeypatch.setattr(os, "fdatasync", disk.fdatasync)
    monkeypatch.setattr(os, "fsync", disk.fsync)
    return disk


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


# What an engine does with it:


async def lived_alone(numbers: list[int], rates: dict[int, float] | None = None) -> str:
    learner = born(BIRTH)
    own = learner.net.learning_rate
    for number in numbers:
        learner.net.learning_rate = (rates or {}).get(number, own)
        learner.run(*frames(number).values())
    learner.net.learning_rate = own
    return learner.checkpoint().state_sha256()


async def test_everything_is_lived_through_again(store_url: str) -> None:
    async with living(store_url) as life:
        for number in range(5):
            await life.run(number)
        await life.engine.ask(Configure(learning_rate=0.25))
        await life.run(5)
        await life.engine.ask(Configure(plasticity=False))
        await life.run(6)
        before = await life.state()
    for _ in range(2):
        async with living(store_url) as life:
            assert await life.state() == before
            status = life.engine.status
            assert (status.learning_rate, status.plasticity, status.tick) == (0.25, False, 21)


async def test_a_snapshot_in_the_middle_of_a_message_is_gone_on_from(store_url: str) -> None:
    async with living(store_url) as life:
        await life.run(1, client="a")
        half = Run(**frames(2, 9000))
        life.inbox.put(half)
        saved = await life.snapshotter.save()
        await half.reply
        await life.run(3, client="a")
        before = await life.state()
    assert 3 <= saved.tick < 9003
    learner, ledger = await replayed(store_url)
    assert learner.checkpoint().state_sha256() == before
    assert ledger.clients == {"a": (3, 9006)}


@pytest.mark.parametrize("saved_after", [False, True])
async def test_a_restore_is_lived_through_again(store_url: str, saved_after: bool) -> None:
    async with living(store_url) as life:
        await life.run(1, client="a")
        saved = await life.snapshotter.save()
        await life.run(2, client="a")
        await life.engine.ask(Configure(learning_rate=0.5))
        await life.snapshotter.save()
        await life.engine.ask(Configure(paused=True))
        waiting = Run(**frames(3))
        life.inbox.put(waiting)
        await life.snapshotter.restore(saved.id, "cpu")
        if saved_after:
            await life.snapshotter.save()
        await life.engine.ask(Configure(paused=False))
        assert (await waiting.reply).last_tick == 6
        await life.run(4)
        before = await life.state()
    learner, ledger = await replayed(store_url)
    assert learner.checkpoint().state_sha256() == before
    assert before == await lived_alone([1, 3, 4], {3: 0.5})  # the rate when it came, and that of the snapshot
    assert ledger.clients == {"a": (2, 6)}  # the net has forgotten it, but it was taught


async def test_a_restore_gives_up_what_is_half_learnt_for_good(store_url: str) -> None:
    async with living(store_url) as life:
        await life.run(1)
        saved = await life.snapshotter.save()
        half = Run(**frames(2, 10_000))
        life.inbox.put(half)
        while life.engine.status.tick == 3:
            await asyncio.sleep(0)
        await life.snapshotter.restore(saved.id, "cpu")
        await asyncio.wait([half.reply])
        await life.run(3)
        before = await life.state()
    assert before in (await lived_alone([1, 3]),)
    learner, _ = await replayed(store_url)
    assert learner.checkpoint().state_sha256() == before


async def test_idle_ticks_are_lived_through_again_and_those_at_rest_are_counted(store_url: str) -> None:
    async with living(store_url, idle_learning=True, tick_hz=500.0, rest_after=20) as life:
        await life.run(1)
        while life.engine.status.tick < 60:
            await asyncio.sleep(0.01)
        await life.run(2)
        await life.engine.ask(Configure(paused=True))
        before = await life.state()
    learner, _ = await replayed(store_url)
    assert learner.checkpoint().state_sha256() == before


async def test_the_journal_is_trimmed_behind_the_oldest_snapshot(store_url: str) -> None:
    for number in range(6):
        async with living(store_url) as life:
            await life.run(number)
            await life.snapshotter.save()
            before = await life.state()
    log = open_log(store_url, "default/journal")
    kept = [seq for seq, _ in read_from(log.blocks(), 0)]
    log.close()
    assert 1 not in kept
    assert len(kept) <= 4
    learner, _ = await replayed(store_url)
    assert learner.checkpoint().state_sha256() == before


class Failing:
    """A log that fails when told to, before or after the bytes are there."""

    def __init__(self, log: Log) -> None:
        self.fails: str | None = None
        self._log = log

    def append(self, seq: int, data: bytes, durable: bool) -> None:
        if self.fails == "before":
            raise StoreError("full")
        self._log.append(seq, data, durable)
        if self.fails == "after":
            raise StoreError("no reply")

    def repair(self) -> None:
        if self.fails:
            raise StoreError("still")
        self._log.repair()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


async def test_nothing_that_is_not_durable_is_learnt_and_learning_goes_on_by_itself(store_url: str) -> None:
    log = Failing(open_log(store_url, "default/journal"))
    async with living(store_url, log) as life:  # type: ignore[arg-type]
        await life.run(1)
        before = await life.state()
        log.fails = "before"
        refused = [Run(**frames(number)) for number in (2, 3)]
        for run in refused:
            life.inbox.put(run)
        for run in refused:
            with pytest.raises(NotDurable, match="full"):
                await run.reply
        for command in (Run(**frames(4)), Configure(learning_rate=0.5)):
            with pytest.raises(NotDurable):
                await life.engine.ask(command)  # type: ignore[arg-type]
        assert life.inbox.depth == 0
        assert await life.state() == before
        await life.engine.ask(Configure(tick_hz=0.002))
        log.fails = None
        while life.inbox.refusal is not None:
            await asyncio.sleep(0.01)
        await life.run(5)
        after = await life.state()
    learner, _ = await replayed(store_url)
    assert learner.checkpoint().state_sha256() == after == await lived_alone([1, 5])


async def test_idle_ticks_are_only_counted_while_the_journal_cannot_be_written(store_url: str) -> None:
    log = Failing(open_log(store_url, "default/journal"))
    async with living(store_url, log, tick_hz=1000.0, free_run=True) as life:  # type: ignore[arg-type]
        await life.run(1)
        while life.engine.status.tick < 20:
            await asyncio.sleep(0.01)
        log.fails = "before"
        while life.inbox.refusal is None:
            await asyncio.sleep(0.01)
        activity = [(await life.engine.ask(Clone()))[0] for _ in range(2)]
        assert activity[1].arrays["x"].tolist() == activity[0].arrays["x"].tolist()
        assert activity[1].tick >= activity[0].tick
        assert life.engine.status.mode is Mode.AWAKE
        log.fails = None
        while life.inbox.refusal is not None:
            await asyncio.sleep(0.01)
        await life.engine.ask(Configure(tick_hz=0.001))
        before, memory = await life.engine.ask(Clone())
        while memory.place is None or memory.place.half:  # until what was journalled before has been run
            before, memory = await life.engine.ask(Clone())
    learner, _ = await replayed(store_url)
    assert learner.checkpoint().arrays["x"].tolist() == before.arrays["x"].tolist() != [0.0] * 12


async def test_what_was_acknowledged_before_a_failed_sync_is_learnt(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.journal._SYNC_SECONDS", 0.02)
    url = f"file://{tmp_path}"
    async with living(url, policy="everysec") as life:
        disk.fails = True
        await life.run(1)
        while life.inbox.refusal is None:
            await asyncio.sleep(0.01)
        disk.fails = False
        while life.inbox.refusal is not None:
            await asyncio.sleep(0.01)
        await life.run(2)
        before = await life.state()
    learner, _ = await replayed(url)
    assert learner.checkpoint().state_sha256() == before == await lived_alone([1, 2])


async def test_a_snapshot_is_taken_of_what_redis_has_lost(redis_server: RedisServer) -> None:
    async with living(redis_server.url) as life:
        await life.run(1)
        redis_server.lose_everything()
        await life.run(2)
        while not await life.catalog.list():
            await asyncio.sleep(0.01)
        await life.run(3)
        before = await life.state()
    learner, _ = await replayed(redis_server.url)
    assert learner.checkpoint().state_sha256() == before == await lived_alone([1, 2, 3])
