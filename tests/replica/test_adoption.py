"""Fitted synapses that come home: in their order among all else that is done, and again after a crash."""

import asyncio
from typing import Any

import numpy as np
import pytest

from realnet import Checkpoint, FrameLearner, LiveNet, from_checkpoint
from realnet.inputs import Input
from service.engine.commands import JournalledCommand, Run, UpdateWeights
from service.engine.pipeline import Pipeline
from service.errors import Conflict, NotDurable
from service.journal.codec import JournalDamaged
from service.journal.journal import Ticket
from service.journal.position import JournalPosition
from service.journal.records import Record, SnapshotRef
from service.replica.entry import EntryState
from service.replica.replica import Horizon
from service.replica.weight_update import WeightUpdate, update_of
from service.runtime import changes
from service.snapshots.snapshot import Snapshot
from service.store import open_store
from tests.runtime.life import BIRTH, Life, born, given, living, replayed

pytestmark = pytest.mark.anyio

JOB = "00000007"


def fitted_from(fork: bytes, seed: int = 0, dead: bool = False) -> bytes:
    learner = from_checkpoint(Checkpoint.from_bytes(fork))
    weights = learner.checkpoint().state().stored_weights()
    chance = np.random.default_rng(seed)
    fitted = np.clip(weights + chance.normal(0, 0.3, weights.shape), -2, 2).astype(np.float32)
    alive = chance.random(weights.shape) < 0.9 if dead else None
    assert isinstance(learner.net, LiveNet)
    learner.net.adopt(fitted if alive is None else fitted * alive, alive=alive)
    return learner.checkpoint().to_bytes()


async def fit(life: Life, fork: Snapshot, dead: bool = False) -> Snapshot:
    data = fitted_from(await life.catalog.read(fork.id), dead=dead)
    return await life.catalog.save(data, fork.tick, "", job=JOB)


async def homecoming(life: Life, fitted: Snapshot, fork: Snapshot | None) -> UpdateWeights:
    base = None if fork is None else await life.catalog.read(fork.id)
    adoption = update_of(await life.catalog.read(fitted.id), base)
    named = None if fork is None else SnapshotRef(fork.id, fork.sha256)
    return UpdateWeights(adoption, JOB, SnapshotRef(fitted.id, fitted.sha256), named)


@pytest.mark.parametrize("rebase", [False, True])
@pytest.mark.parametrize("dead", [False, True])
async def test_it_comes_home_again_after_a_crash(store_url: str, rebase: bool, dead: bool) -> None:
    async with living(store_url) as life:
        await life.run(1)
        fork = await life.snapshotter.save()
        fitted = await fit(life, fork, dead)
        await life.run(2)
        command = await homecoming(life, fitted, fork if rebase else None)
        assert await life.engine.ask(command) == 6
        await life.run(3)
        before = await life.state()
    replica = await replayed(store_url)
    assert replica.learner.checkpoint().state_sha256() == before
    assert replica.progress.jobs == {JOB: 1}
    alone = born(BIRTH)
    for number in (1, 2):
        alone.run_input(given(number))
    assert command.update.by(alone)
    alone.run_input(given(3))
    assert alone.checkpoint().state_sha256() == before


@pytest.mark.parametrize("saved", [False, True])
async def test_it_waits_for_what_was_taken_before(store_url: str, saved: bool) -> None:
    """Also a snapshot that is taken meanwhile."""
    async with living(store_url) as life:
        fork = await life.snapshotter.save()
        command = await homecoming(life, await fit(life, fork), fork)
        long = Run(given(1, 9000))
        life.inbox.put(long)
        while life.engine.status.tick == 0:
            await asyncio.sleep(0)
        life.inbox.put(command)
        after = Run(given(2))
        life.inbox.put(after)
        if saved:
            await life.snapshotter.save()
        assert await command.reply == (await long.reply).last_tick == 9000
        assert (await after.reply).last_tick == 9003
        before = await life.state()
    replica = await replayed(store_url)
    assert replica.learner.checkpoint().state_sha256() == before
    assert replica.progress.jobs == {JOB: 1}


async def test_it_comes_home_to_a_net_that_is_paused(store_url: str) -> None:
    async with living(store_url) as life:
        fork = await life.snapshotter.save()
        command = await homecoming(life, await fit(life, fork), None)
        await changes.configure(life.runtime, paused=True)
        assert await life.engine.ask(command) == 0


@pytest.mark.parametrize("restored_before", [False, True])
async def test_beside_a_restore(store_url: str, restored_before: bool) -> None:
    async with living(store_url) as life:
        await life.run(1)
        fork = await life.snapshotter.save()
        command = await homecoming(life, await fit(life, fork), fork)
        await life.run(2)
        if restored_before:
            await life.snapshotter.restore(fork.id, "cpu")
        await life.engine.ask(command)
        await life.run(3)
        if not restored_before:
            await life.snapshotter.restore(fork.id, "cpu")
        await life.run(4)
        before = await life.state()
    replica = await replayed(store_url)
    assert replica.learner.checkpoint().state_sha256() == before
    assert replica.progress.jobs == {JOB: 1}  # it did, whatever the net is now


async def test_a_net_of_another_shape_takes_nothing_in(store_url: str) -> None:
    async with living(store_url) as life:
        await life.run(1)
        fork = await life.snapshotter.save()
        other = FrameLearner.create(3, 2, preset="literal", num_neurons=13).checkpoint().to_bytes()
        command = await homecoming(life, await life.catalog.save(other, 0, "", job=JOB), None)
        with pytest.raises(Conflict, match="shape"):
            await life.engine.ask(command)
        await life.run(2)
        before = await life.state()
    replica = await replayed(store_url)
    assert replica.learner.checkpoint().state_sha256() == before
    assert replica.progress.jobs == {}
    assert fork.job is None


async def test_what_a_record_needs_must_be_there(store_url: str) -> None:
    async with living(store_url) as life:
        fork = await life.snapshotter.save()
        fitted = await fit(life, fork)
        await life.engine.ask(await homecoming(life, fitted, None))
    store = open_store(store_url)
    await store.delete(f"default/manifests/{fitted.id}")
    await store.close()
    with pytest.raises(JournalDamaged, match=f"record 2 needs snapshot {fitted.id}, which is gone"):
        await replayed(store_url)


async def test_snapshots_of_jobs_are_beside_the_others(store_url: str) -> None:
    async with living(store_url) as life:
        catalog = life.catalog  # it keeps 3
        own = [(await life.snapshotter.save()).id for _ in range(3)]
        of_jobs = [await catalog.save(b"", 0, "", job=JOB) for _ in range(4)]
        assert [each.id for each in await catalog.list()] == own + [each.id for each in of_jobs[1:]]
        found, _ = await catalog.newest_good()
        assert found is not None
        assert found[0].id == own[-1]
        assert await catalog.oldest_position() is not None
        assert of_jobs[3].job == (await catalog.get(of_jobs[3].id)).job == JOB
        catalog.held |= {own[0], of_jobs[1].id}
        for _ in range(3):
            await catalog.save(b"", 0, "", job=JOB)
            await life.snapshotter.save()
        kept = [each.id for each in await catalog.list()]
        assert kept[:2] == [own[0], of_jobs[1].id]
        assert len(kept) == 8


class SlowJournal:
    """Durable when it is told to be."""

    def __init__(self) -> None:
        self.last = 0
        self.tickets: list[Ticket] = []

    def append(self, record: Record) -> Ticket:
        self.last += 1
        self.tickets.append(Ticket(self.last))
        return self.tickets[-1]

    def begin_commit(self) -> None: ...

    def seen(self) -> None: ...


async def test_nothing_is_done_before_it_was_seen_to_be_durable() -> None:
    """Or a snapshot would have it twice: in itself, and again from the journal."""
    journal, horizon = SlowJournal(), Horizon(0, 1.0, True, False)
    pipeline = Pipeline(journal, horizon)
    update = WeightUpdate(np.zeros((1, 1), np.float32), None, None)
    commands: list[JournalledCommand[Any]] = [
        Run(Input(tokens=np.array([1], np.int32))),
        UpdateWeights(update, JOB, SnapshotRef("1", ""), None),
    ]
    for command in commands:
        pipeline.append(command.entry(pipeline.horizon))
    assert pipeline.horizon.tick == 1
    for number, command in enumerate(commands):
        assert pipeline.next_slice(10) == []
        journal.tickets[number].is_durable = True
        assert pipeline.next_slice(10) == []
        [entry] = pipeline.settle()
        assert pipeline.next_slice(10) == [(entry, entry.left)]
        assert entry.waiter is command
        assert pipeline.position() == JournalPosition(number, number + 1)
        entry.state = EntryState.DONE
        assert pipeline.pop_done() == [entry]


async def test_what_never_becomes_durable_is_dropped_with_all_behind_it() -> None:
    journal, horizon = SlowJournal(), Horizon(7, 1.0, True, False)
    pipeline = Pipeline(journal, horizon)
    for token in range(3):
        pipeline.append(Run(Input(tokens=np.array([token], np.int32))).entry(pipeline.horizon))
    journal.tickets[0].is_durable = True
    for ticket in journal.tickets[1:]:
        ticket.error = NotDurable("the disk is full")
    [first] = pipeline.settle()
    failed = pipeline.drop_failed(horizon)
    assert failed is not None
    assert [entry.seq for entry in failed[1]] == [2, 3]
    assert pipeline.next_slice(10) == [(first, 1)]
    assert pipeline.horizon.tick == 8
    assert pipeline.drop_failed(horizon) is None
