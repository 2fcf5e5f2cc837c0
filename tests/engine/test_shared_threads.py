"""Engines that share threads: each goes on beside one that is flooded, holds its thread, dies, or is stopped."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from realnet.inputs import Input
from realnet.learners import Learner
from service.engine.commands import Run
from service.engine.pace import Pace
from service.errors import EngineStopped
from service.strands import Pool
from tests.engine.running_engine import TOKENS, Lived, quiet, small, until
from tests.engine.test_engine import Gated, gated, started

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def several(threads: int, *learners: Learner, pace: Pace | None = None) -> AsyncIterator[list[Lived]]:
    pool = Pool(threads, "test")
    lived = [Lived(learner, pace or quiet(), pool=pool) for learner in learners]
    for each in lived:
        each.engine.start()
    yield lived
    for learner in learners:
        if isinstance(learner, Gated):
            learner.gate.set()
    await asyncio.gather(*(each.engine.stop() for each in lived))
    assert not any(each.engine.alive for each in lived)


def flood(lived: Lived) -> Run:
    """Put in as much as may wait."""
    run = Run(Input(tokens=np.tile(TOKENS, 50)), outputs="none")
    lived.inbox.put(run)
    return run


async def test_the_bits_of_each_are_those_of_one_alone() -> None:
    alone = small()
    alone.run(TOKENS[:300])
    async with several(2, *(small() for _ in range(3))) as lived:
        for start in range(0, 300, 100):
            await asyncio.gather(*(each.run(tokens=TOKENS[start : start + 100]) for each in lived))
        assert {await each.state() for each in lived} == {alone.checkpoint().state_sha256()}


async def test_one_that_is_flooded_slows_only_itself() -> None:
    async with several(1, small(), small(), small()) as (flooded, *others):
        run = flood(flooded)
        for _ in range(3):
            await asyncio.gather(*(each.run(tokens=TOKENS[:100]) for each in others))
        assert not run.reply.done()


async def test_one_that_holds_its_thread_is_stuck_and_those_that_wait_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.engine.engine._STALLED_SECONDS", 0.2)
    learners = gated(), gated()
    async with several(2, *learners, small()) as (first, second, other):
        first.inbox.put(run := Run(Input(tokens=TOKENS[:10])))
        await started(learners[0])
        await other.run(tokens=TOKENS[:10])  # on the other thread
        second.inbox.put(Run(Input(tokens=TOKENS[:10])))
        await started(learners[1])
        other.inbox.put(waiting := Run(Input(tokens=TOKENS[:10])))
        await until(lambda: not (first.engine.alive or second.engine.alive))
        assert other.engine.alive
        assert not waiting.reply.done()
        learners[0].gate.set()
        await waiting.reply
        await run.reply
        assert first.engine.alive


async def test_one_that_dies_leaves_the_others_alone() -> None:
    broken = gated()
    broken.broken = True
    broken.gate.set()
    async with several(1, broken, small()) as (dead, other):
        for _ in range(2):
            with pytest.raises(EngineStopped, match="died"):
                await dead.run(tokens=TOKENS[:10])
            await other.run(tokens=TOKENS[:10])
        assert not dead.engine.alive
        assert other.engine.alive


async def test_all_stop_at_once_under_load_and_refuse_what_is_left() -> None:
    async with several(2, *(small() for _ in range(12))) as lived:
        left = [flood(each) for each in lived]
    for run in left:
        with pytest.raises(EngineStopped, match="stops"):
            await run.reply


async def test_one_that_cannot_be_stopped_in_time_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.engine.engine._STOP_SECONDS", 0.1)
    learner = gated()
    async with several(1, learner, *(small() for _ in range(40))) as (stuck, *others):
        stuck.inbox.put(Run(Input(tokens=TOKENS[:10])))
        await started(learner)
        async with asyncio.timeout(2.0):
            await asyncio.gather(*(each.engine.stop() for each in (stuck, *others)))
        assert stuck.engine.alive
        learner.gate.set()
        await until(lambda: not any(each.engine.alive for each in (stuck, *others)))


async def test_one_at_rest_looks_up_seldom_and_for_who_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.engine.engine.PATIENCE_SECONDS", 0.02)
    async with several(1, small(), small(), pace=Pace(tick_hz=1000.0)) as (lived, other):
        await lived.run(tokens=TOKENS[:10])
        board = lived.engine.board
        await until(lambda: lived.engine.status.tick > 1200)  # until the rate, which is over a second, is 0 again
        await until(lambda: board.status.ticks_per_second == 0)
        for _ in range(100):
            seen = board.status
            for _ in range(5):
                await other.run(tokens=TOKENS[:200])
            if board.status is seen:  # else it was woken by the last look
                break
        assert lived.engine.status is seen
        await until(lambda: lived.engine.status.tick > seen.tick)
        tick = lived.engine.status.tick
        assert (await lived.run(tokens=TOKENS[:1])).first_tick > tick  # none is left out
