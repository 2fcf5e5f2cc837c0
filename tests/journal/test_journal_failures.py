"""Journals that cannot be written: what is not durable is not learnt, what was acknowledged is."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from service.engine.clones import clone
from service.engine.commands import Run, SetPace
from service.engine.pace import Mode
from service.errors import NotDurable
from service.journal.journal import Policy
from service.runtime import changes
from service.store import open_log
from service.store.base import Log, StoreError
from tests.journal.nets import lived_alone, settled
from tests.redis_server import RedisServer
from tests.runtime.life import given, living, replayed
from tests.store.disk import Disk

pytestmark = pytest.mark.anyio


class Failing:
    """A log that fails when told to, before or after the bytes are there."""

    def __init__(self, log: Log) -> None:
        self.fails: str | None = None
        self.has_bug_in: str | None = None
        self._log = log

    def append(self, seq: int, data: bytes, durable: bool) -> None:
        if self.has_bug_in == "append":
            raise RuntimeError("not foreseen")
        if self.fails == "before":
            raise StoreError("full")
        self._log.append(seq, data, durable)
        if self.fails == "after":
            raise StoreError("no reply")

    def repair(self) -> None:
        if self.has_bug_in == "repair":
            raise RuntimeError("not foreseen")
        if self.fails:
            raise StoreError("still")
        self._log.repair()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


async def test_nothing_that_is_not_durable_is_learnt_and_learning_goes_on_by_itself(store_url: str) -> None:
    log = Failing(open_log(store_url, "default/journal"))
    async with living(store_url, log) as life:
        await life.run(1)
        before = await life.state()
        log.fails = "before"
        refused = [Run(given(number)) for number in (2, 3)]
        for run in refused:
            life.inbox.put(run)
        for run in refused:
            with pytest.raises(NotDurable, match="full"):
                await run.reply
        with pytest.raises(NotDurable):
            await life.engine.ask(Run(given(4)))
        with pytest.raises(NotDurable):
            await changes.configure(life.runtime, learning_rate=0.5)
        assert life.inbox.depth == 0
        assert await life.state() == before
        await life.engine.ask(SetPace(tick_hz=0.002))
        log.fails = None
        while life.inbox.refusal is not None:
            await asyncio.sleep(0.01)
        await life.run(5)
        after = await life.state()
    replica = await replayed(store_url)
    assert replica.learner.checkpoint().state_sha256() == after == await lived_alone([1, 5])


@pytest.mark.parametrize("policy", ["always", "everysec", "never"])
@pytest.mark.parametrize("idle", [False, True])
async def test_a_journal_that_was_removed_is_missed_and_nothing_is_acknowledged(
    tmp_path: Path, policy: Policy, idle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.journal.journal._SYNC_SECONDS", 0.02)
    async with living(f"file://{tmp_path}", policy=policy) as life:
        await life.run(0)
        [segment] = (tmp_path / "default" / "journal").iterdir()
        segment.rename(tmp_path / "elsewhere")
        for number in range(1, 1000):
            if not idle:
                with contextlib.suppress(NotDurable):
                    await life.run(number)
            if life.journal.failure is not None:
                break
            await asyncio.sleep(0.005)
        assert life.journal.failure == f"the store was taken away: {segment} is gone"
        with pytest.raises(NotDurable, match="the store was taken away"):
            await life.run(1000)


@pytest.mark.parametrize("where", ["append", "repair"])
async def test_an_unforeseen_error_ends_the_journal_and_is_told(store_url: str, where: str) -> None:
    log = Failing(open_log(store_url, "default/journal"))
    async with living(store_url, log) as life:
        await life.run(1)
        assert life.journal.failure is None
        log.has_bug_in, log.fails = where, "before"
        with pytest.raises(NotDurable):
            await life.run(2)
        while life.journal.failure is None:
            await asyncio.sleep(0.01)
        assert life.journal.failure == "the journal has died, the server's log tells why"
        with pytest.raises(NotDurable, match="the journal has died"):
            await life.run(3)


async def test_idle_ticks_are_only_counted_while_the_journal_cannot_be_written(store_url: str) -> None:
    log = Failing(open_log(store_url, "default/journal"))
    async with living(store_url, log, tick_hz=1000.0, free_run=True) as life:
        await life.run(1)
        while life.engine.status.tick < 20:
            await asyncio.sleep(0.01)
        log.fails = "before"
        while life.inbox.refusal is None:
            await asyncio.sleep(0.01)
        activity = [(await clone(life.engine))[0] for _ in range(2)]
        assert activity[1].arrays["x"].tolist() == activity[0].arrays["x"].tolist()
        assert activity[1].tick >= activity[0].tick
        assert life.engine.status.mode is Mode.AWAKE
        log.fails = None
        while life.inbox.refusal is not None:
            await asyncio.sleep(0.01)
        await life.engine.ask(SetPace(tick_hz=0.001))
        before = await settled(life)
    replica = await replayed(store_url)
    assert replica.learner.checkpoint().arrays["x"].tolist() == before.arrays["x"].tolist() != [0.0] * 12


async def test_what_was_acknowledged_before_a_failed_sync_is_learnt(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.journal.journal._SYNC_SECONDS", 0.02)
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
    replica = await replayed(url)
    assert replica.learner.checkpoint().state_sha256() == before == await lived_alone([1, 2])


async def test_a_snapshot_is_taken_of_what_redis_has_lost(redis_server: RedisServer) -> None:
    async with living(redis_server.url) as life:
        await life.run(1)
        redis_server.lose_everything()
        ran = False
        while not ran:  # refused until Redis knows again whose store it is
            with contextlib.suppress(NotDurable):
                ran = bool(await life.run(2))
        while not await life.catalog.list():
            await asyncio.sleep(0.01)
        await life.run(3)
        before = await life.state()
    replica = await replayed(redis_server.url)
    assert replica.learner.checkpoint().state_sha256() == before == await lived_alone([1, 2, 3])
