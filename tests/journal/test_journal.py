"""What the journal promises: all that was done is done again, once, whatever a client repeats and the store does."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from realnet import Checkpoint
from service.engine.commands import Clone, Run, Sender, SetPace
from service.engine.pace import Mode
from service.errors import Conflict, NotDurable
from service.journal.journal import Policy
from service.journal.scan import read_from
from service.store import open_log
from service.store.base import Log, StoreError
from tests.redis_server import RedisServer
from tests.runtime.life import BIRTH, Life, born, given, last_of, living, replayed
from tests.store.disk import Disk

pytestmark = pytest.mark.anyio


async def lived_alone(numbers: list[int], rates: dict[int, float] | None = None) -> str:
    learner = born(BIRTH)
    own = learner.net.learning_rate
    for number in numbers:
        learner.net.learning_rate = (rates or {}).get(number, own)
        learner.run_input(given(number))
    learner.net.learning_rate = own
    return learner.checkpoint().state_sha256()


async def test_everything_is_lived_through_again(store_url: str) -> None:
    async with living(store_url) as life:
        for number in range(5):
            await life.run(number)
        await life.runtime.configure(learning_rate=0.25)
        await life.run(5)
        await life.runtime.configure(plasticity=False)
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
        half = Run(given(2, 9000))
        life.inbox.put(half)
        saved = await life.snapshotter.save()
        await half.reply
        await life.run(3, client="a")
        before = await life.state()
    assert 3 <= saved.tick < 9003
    replica = await replayed(store_url)
    assert replica.learner.checkpoint().state_sha256() == before
    assert last_of(replica.progress, "a") == (3, 9006)


@pytest.mark.parametrize("saved_after", [False, True])
async def test_a_restore_is_lived_through_again(store_url: str, saved_after: bool) -> None:
    async with living(store_url) as life:
        await life.run(1, client="a")
        saved = await life.snapshotter.save()
        await life.run(2, client="a")
        await life.runtime.configure(learning_rate=0.5)
        await life.snapshotter.save()
        await life.runtime.restore(saved.id)
        if saved_after:
            await life.snapshotter.save()
        await life.run(4)
        before = await life.state()
    replica = await replayed(store_url)
    assert replica.learner.checkpoint().state_sha256() == before
    assert before == await lived_alone([1, 4])  # at the rate of the snapshot
    assert last_of(replica.progress, "a") == (2, 6)  # the net has forgotten it, but it was taught


async def test_a_restore_keeps_the_order_in_which_it_was_asked_for(store_url: str) -> None:
    async with living(store_url) as life:
        await life.run(1)
        saved = await life.snapshotter.save()
        before_it = Run(given(2, 9000))
        life.inbox.put(before_it)
        while life.engine.status.tick == 3:
            await asyncio.sleep(0)
        restoring = asyncio.ensure_future(life.runtime.restore(saved.id))
        while life.engine.status.tick > 3:  # it is restored when all before it was run
            await asyncio.sleep(0)
        assert (await before_it.reply).last_tick == 9003
        await restoring
        await life.run(3)
        before = await life.state()
    assert before == await lived_alone([1, 3])
    replica = await replayed(store_url)
    assert replica.learner.checkpoint().state_sha256() == before


@pytest.mark.parametrize("saved_after", [False, True])
async def test_a_net_that_is_paused_is_restored_at_once_and_what_waited_is_undone(
    store_url: str, saved_after: bool
) -> None:
    async with living(store_url) as life:
        await life.run(1)
        saved = await life.snapshotter.save()
        await life.runtime.configure(paused=True)
        waiting = Run(given(2), sender=Sender("a", 1))
        life.inbox.put(waiting)
        await life.runtime.configure(learning_rate=0.5)
        await life.runtime.restore(saved.id)
        with pytest.raises(Conflict, match="restored before"):
            await waiting.reply
        assert life.inbox.depth == 0
        if saved_after:
            await life.snapshotter.save()
        await life.runtime.configure(paused=False)
        assert (await life.run(3)).last_tick == 6
        before = await life.state()
    assert before == await lived_alone([1, 3])
    replica = await replayed(store_url)
    assert replica.learner.checkpoint().state_sha256() == before
    assert last_of(replica.progress, "a") == (1, 6)  # it is not learnt by the restored net, however often it comes


async def test_a_net_stays_paused_through_a_restart(store_url: str) -> None:
    async with living(store_url) as life:
        await life.run(1)
        await life.runtime.configure(paused=True)
        assert life.engine.status.mode is Mode.PAUSED
    for saved in (True, False):
        async with living(store_url) as life:
            assert life.engine.status.mode is Mode.PAUSED
            if saved:
                await life.snapshotter.save()
    async with living(store_url) as life:
        await life.runtime.configure(paused=False)
        assert (await life.run(2)).last_tick == 6
    async with living(store_url) as life:
        assert life.engine.status.mode is not Mode.PAUSED


async def settled(life: Life) -> Checkpoint:
    """The net once all that was journalled has been run."""
    while True:
        checkpoint, state = await life.engine.ask(Clone())
        if state.place is not None and not state.place.half:
            return checkpoint


async def test_idle_ticks_are_lived_through_again_and_those_at_rest_are_counted(store_url: str) -> None:
    async with living(store_url, idle_learning=True, tick_hz=500.0, rest_after=20) as life:
        await life.run(1)
        while life.engine.status.tick < 60:
            await asyncio.sleep(0.01)
        await life.run(2)
        await life.engine.ask(SetPace(tick_hz=0.001))
        await settled(life)
        before = await life.state()
    replica = await replayed(store_url)
    assert replica.learner.checkpoint().state_sha256() == before


async def test_the_journal_is_trimmed_behind_the_oldest_snapshot(store_url: str) -> None:
    for number in range(6):
        async with living(store_url) as life:
            await life.run(number)
            await life.snapshotter.save()
            before = await life.state()
    log = open_log(store_url, "default/journal")
    kept = [seq for seq, _ in read_from(log.read(), 0)]
    log.close()
    assert 1 not in kept
    assert len(kept) <= 4
    replica = await replayed(store_url)
    assert replica.learner.checkpoint().state_sha256() == before


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
            await life.runtime.configure(learning_rate=0.5)
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
        activity = [(await life.engine.ask(Clone()))[0] for _ in range(2)]
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
