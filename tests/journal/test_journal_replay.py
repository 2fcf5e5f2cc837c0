"""What the journal promises a net that starts again: all that was done is done again, once."""

import asyncio

import pytest

from service.engine.commands import Run, Sender, SetPace
from service.engine.pace import Mode
from service.errors import Conflict
from service.journal.scan import read_from
from service.runtime import changes
from service.store import open_log
from tests.journal.nets import lived_alone, settled
from tests.runtime.life import given, last_of, living, replayed

pytestmark = pytest.mark.anyio


async def test_everything_is_lived_through_again(store_url: str) -> None:
    async with living(store_url) as life:
        for number in range(5):
            await life.run(number)
        await changes.configure(life.runtime, learning_rate=0.25)
        await life.run(5)
        await changes.configure(life.runtime, plasticity=False)
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
        await changes.configure(life.runtime, learning_rate=0.5)
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
        await changes.configure(life.runtime, paused=True)
        waiting = Run(given(2), sender=Sender("a", 1))
        life.inbox.put(waiting)
        await changes.configure(life.runtime, learning_rate=0.5)
        await life.runtime.restore(saved.id)
        with pytest.raises(Conflict, match="restored before"):
            await waiting.reply
        assert life.inbox.depth == 0
        if saved_after:
            await life.snapshotter.save()
        await changes.configure(life.runtime, paused=False)
        assert (await life.run(3)).last_tick == 6
        before = await life.state()
    assert before == await lived_alone([1, 3])
    replica = await replayed(store_url)
    assert replica.learner.checkpoint().state_sha256() == before
    assert last_of(replica.progress, "a") == (1, 6)  # it is not learnt by the restored net, however often it comes


async def test_a_net_stays_paused_through_a_restart(store_url: str) -> None:
    async with living(store_url) as life:
        await life.run(1)
        await changes.configure(life.runtime, paused=True)
        assert life.engine.status.mode is Mode.PAUSED
    for saved in (True, False):
        async with living(store_url) as life:
            assert life.engine.status.mode is Mode.PAUSED
            if saved:
                await life.snapshotter.save()
    async with living(store_url) as life:
        await changes.configure(life.runtime, paused=False)
        assert (await life.run(2)).last_tick == 6
    async with living(store_url) as life:
        assert life.engine.status.mode is not Mode.PAUSED


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
