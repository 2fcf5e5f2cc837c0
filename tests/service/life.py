"""A net that lives with a journal, in this process: an engine, its journal and its snapshots on a real store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from realnet import FrameLearner
from service.engine.commands import Ran, Run, Sender
from service.engine.engine import Engine
from service.engine.inbox import Inbox
from service.engine.output_ring import OutputRing
from service.engine.pace import Pace
from service.journal.journal import LoggedJournal, Policy
from service.replica.learner import Learner
from service.replica.progress import Progress
from service.runtime.birth import Birth
from service.runtime.recovery import Recovered, recover
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.snapshotter import Snapshotter
from service.store import open_log, open_store
from service.store.base import Log

INPUTS, OUTPUTS = 3, 2
BIRTH: Birth = {"preset": "literal", "neurons": 12, "seed": 5, "inputs": INPUTS, "outputs": OUTPUTS}


def born(birth: Birth) -> FrameLearner:
    assert birth == BIRTH
    return FrameLearner.create(INPUTS, OUTPUTS, preset="literal", num_neurons=12, seed=5)


def frames(number: int, ticks: int = 3) -> dict[str, Any]:
    """Always the same for a number; every other one has teachers."""
    chance = np.random.default_rng(number)
    given: dict[str, Any] = {"frames": chance.random((ticks, INPUTS)).astype(np.float32)}
    if number % 2:
        given["teachers"] = chance.random((ticks, OUTPUTS)).astype(np.float32)
    return given


@dataclass
class Life:
    engine: Engine
    inbox: Inbox
    journal: LoggedJournal
    snapshotter: Snapshotter
    catalog: SnapshotCatalog

    async def run(self, number: int, ticks: int = 3, client: str | None = None, **others: Any) -> Ran:
        sender = Sender(client, number) if client else Sender()
        return await self.engine.ask(Run(**frames(number, ticks), sender=sender, **others))

    async def state(self) -> str:
        return (await self.snapshotter.hashes())[1]


async def recovered(url: str, log: Log | None, catalog: SnapshotCatalog) -> Recovered:
    return await recover(catalog, log, "cpu", BIRTH, born)


@asynccontextmanager
async def living(
    url: str, log: Log | None = None, idle_learning: bool = False, policy: Policy = "always", **pace: Any
) -> AsyncIterator[Life]:
    store, log = open_store(url), log or open_log(url, "default/journal")
    catalog = SnapshotCatalog(store, 3, "default", most_kept=9)
    found = await recovered(url, log, catalog)
    catalog.pinned |= found.pinned
    journal = LoggedJournal(log, policy, found.last)
    inbox = Inbox(10_000, 2)
    times = Pace(**{"tick_hz": 0.001, **pace})
    engine = Engine(found.learner, inbox, OutputRing(1000), times, idle_learning, journal, found.ledger, found.replay)
    journal.on_durable, journal.on_trouble = inbox.wake, inbox.refuse
    journal.start()
    snapshotter = Snapshotter(engine, catalog, 0, journal)
    log.on_loss = partial(asyncio.get_running_loop().call_soon_threadsafe, snapshotter.journal_has_lost)
    snapshotter.start()
    engine.start()
    while not inbox.ready and engine.failure is None:  # it may have kernels to compile: no slice for many seconds
        await asyncio.sleep(0.002)
    try:
        yield Life(engine, inbox, journal, snapshotter, catalog)
    finally:
        await snapshotter.stop(save=False)
        await engine.stop()
        journal.stop()
        await store.close()


async def replayed(url: str) -> tuple[Learner, Progress]:
    """What a start finds, without an engine."""
    store, log = open_store(url), open_log(url, "default/journal")
    try:
        found = await recovered(url, log, SnapshotCatalog(store, 3, "default", most_kept=9))
        if found.replay is not None:
            for _ in found.replay.run(found.learner, found.ledger):
                pass
        return found.learner, found.ledger
    finally:
        log.close()
        await store.close()
