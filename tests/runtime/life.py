"""A net that lives with a journal, in this process: a `Runtime` on a real store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from realnet import FrameLearner
from realnet.inputs import Input
from service.engine.commands import Ran, Run, Sender
from service.engine.engine import Engine
from service.engine.inbox import Inbox
from service.journal.journal import LoggedJournal, Policy
from service.replica.birth import Birth
from service.replica.progress import Progress
from service.replica.replica import Replica
from service.runtime.birth import create
from service.runtime.open_store import OpenStore, opened_store
from service.runtime.recovery import recover
from service.runtime.runtime import Runtime
from service.settings import NetSettings
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.snapshotter import Snapshotter
from service.store import open_log, open_store
from service.store.base import Log

NET = "default"
INPUTS, OUTPUTS = 3, 2
BIRTH: Birth = {"preset": "literal", "neurons": 12, "seed": 5, "inputs": INPUTS, "outputs": OUTPUTS}


def born(birth: Birth) -> FrameLearner:
    learner = create(birth, "cpu")
    assert isinstance(learner, FrameLearner)
    return learner


def given(number: int, ticks: int = 3) -> Input:
    """Always the same for a number; every other one has teachers."""
    chance = np.random.default_rng(number)
    frames = chance.random((ticks, INPUTS)).astype(np.float32)
    return Input(frames=frames, teachers=chance.random((ticks, OUTPUTS)).astype(np.float32) if number % 2 else None)


@dataclass
class Life:
    runtime: Runtime

    @property
    def engine(self) -> Engine:
        return self.runtime.engine

    @property
    def inbox(self) -> Inbox:
        return self.runtime.inbox

    @property
    def journal(self) -> LoggedJournal:
        assert self.runtime.journal is not None
        return self.runtime.journal

    @property
    def snapshotter(self) -> Snapshotter:
        return self.runtime.snapshotter

    @property
    def catalog(self) -> SnapshotCatalog:
        return self.runtime.snapshots

    async def run(self, number: int, ticks: int = 3, client: str | None = None, **others: Any) -> Ran:
        sender = Sender(client, number) if client else Sender()
        return await self.engine.ask(Run(given(number, ticks), sender=sender, **others))

    async def state(self) -> str:
        return (await self.runtime.hashes())[1]


@dataclass(frozen=True)
class _WithLog(OpenStore):
    """A store whose log is the one that a test has made."""

    made: Log

    def log(self, key: str) -> Log:
        return self.made


@asynccontextmanager
async def living(
    url: str, log: Log | None = None, idle_learning: bool = False, policy: Policy = "always", **pace: Any
) -> AsyncIterator[Life]:
    """Bring the net back to life; at the end it stops without a last snapshot, as if it had been killed."""
    settings = NetSettings(
        **(BIRTH | {"tick_hz": 0.001} | pace),
        inbox_ticks=10_000,
        max_generations=2,
        outputs_kept=1000,
        snapshots_kept=3,
        snapshot_every=0,
        idle_learning=idle_learning,
        journal=policy,
    )
    async with opened_store(url) as place:
        if log is not None:
            place = _WithLog(place.url, place.store, place.lock, place.members, place.directory, log)
        async with Runtime.open(NET, settings, place) as runtime:
            life = Life(runtime)
            while not life.inbox.ready and life.engine.failure is None:
                await asyncio.sleep(0.002)  # it may have kernels to compile: no slice for many seconds
            try:
                yield life
            finally:
                place.lock.lost = "killed"


async def replayed(url: str, birth: Birth = BIRTH) -> Replica:
    """What a start finds, without an engine."""
    store, log = open_store(url), open_log(url, f"{NET}/journal")
    try:
        catalog = SnapshotCatalog(store, 3, NET, most_kept=9)
        found = await recover(catalog, log, "cpu", birth, lambda birth: create(birth, "cpu"))
        if (replay := found.replay) is not None:
            await asyncio.to_thread(lambda: [*replay.run(found.replica)])  # as on the engine's thread
        return found.replica
    finally:
        log.close()
        await store.close()


def last_of(progress: Progress, client: str) -> tuple[int, int] | None:
    """The last seq that is known of a client, and its last tick."""
    learnt = progress.clients.get("", client, 0.0)
    return None if learnt is None else (learnt.seq, learnt.last_tick)
