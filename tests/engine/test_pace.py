"""Ticks without input: they come by the clock, until the net rests."""

import numpy as np
import pytest

from realnet import FrameLearner
from service.engine.pace import Mode, Pace
from tests.engine.running_engine import TOKENS, living, small, until

pytestmark = pytest.mark.anyio


async def test_a_net_at_rest_counts_ticks_and_nothing_else() -> None:
    async with living(small(), Pace(tick_hz=1000.0)) as lived:
        modes: list[Mode] = []
        lived.engine.board.on_mode.append(modes.append)
        await lived.run(tokens=TOKENS[:100])
        before = await lived.weights()
        await until(lambda: lived.engine.status.tick > 400)
        assert lived.engine.status.mode is Mode.RESTING
        assert await lived.weights() == before
        assert lived.outputs.end == 100
        await lived.run(tokens=TOKENS[:1])
        await until(lambda: modes[-3:] == [Mode.RESTING, Mode.AWAKE, Mode.RESTING])


@pytest.mark.parametrize("idle_learning", [False, True])
async def test_ticks_without_input_are_computed_before_the_net_rests(idle_learning: bool) -> None:
    learner = FrameLearner.create(3, 2, preset="literal", num_neurons=12)
    async with living(learner, Pace(tick_hz=1000.0, rest_after=20), idle_learning) as lived:
        frames = np.full((10, 3), 0.5, np.float32)
        last = (await lived.run(frames=frames)).last_tick
        before = await lived.weights()
        await until(lambda: lived.engine.status.tick > last + 100)
        read = lived.outputs.read(lived.outputs.position_after(last), 1000)[0]
        assert read is not None
        assert len(read) == 20
        assert (await lived.weights() != before) == idle_learning
        assert lived.engine.status.mode is Mode.RESTING


async def test_a_net_that_runs_free_never_rests() -> None:
    async with living(FrameLearner.create(3, 2), Pace(tick_hz=1000.0, free_run=True)) as lived:
        await until(lambda: lived.outputs.end > 100)
        assert lived.engine.status.mode is Mode.AWAKE
        assert lived.engine.status.tick == lived.outputs.end


def test_ticks_are_due_by_the_clock_and_no_storm_follows_a_pause() -> None:
    pace = Pace(tick_hz=10.0, rest_after=3)
    pace.frame(100.0)
    assert (pace.due(100.05), pace.mode) == ((0, 0), Mode.AWAKE)
    assert pace.patience(100.05) == pytest.approx(0.05)
    assert (pace.due(100.21), pace.mode) == ((2, 0), Mode.AWAKE)
    assert (pace.due(100.71), pace.mode) == ((1, 4), Mode.RESTING)
    assert pace.due(1100.0) == (0, 9993)
    pace.frame(1100.0)
    assert pace.mode is Mode.AWAKE
    pace.change(1100.0, tick_hz=None, paused=True)
    assert (pace.due(2000.0), pace.mode) == ((0, 0), Mode.PAUSED)
    pace.change(2000.0, tick_hz=1000.0, paused=False)
    assert pace.due(2000.0105) == (3, 7)
    free = Pace(tick_hz=1000.0, free_run=True)
    free.frame(0.0)
    assert free.due(1000.0) == (64, 0)
    assert free.due(1000.0) == (0, 0)
