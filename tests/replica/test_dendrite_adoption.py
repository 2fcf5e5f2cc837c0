"""What a sleep or a fit has made of a net of dendrites comes home, and again after a crash."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.search import newborn_beside
from realnet.dendrites.wiring import VARIANTS
from realnet.inputs import Input
from service.engine.commands import Run
from service.errors import Conflict
from service.replica.birth import Birth
from tests.realnet.dendrites.test_search import a_log
from tests.replica.test_adoption import JOB, homecoming
from tests.runtime.life import Life, living, replayed

pytestmark = pytest.mark.anyio

BORN: Birth = {"preset": "dendrites", "neurons": None, "seed": 0, "inputs": None, "outputs": None}
BORN |= {"variant": "fast", "max_lines": 2**14}
SETTINGS: dict[str, Any] = dict(BORN)
PARTS = np.array_split(a_log(16, 7), 4)


def rewired(fork: bytes, lived: NDArray[np.int32]) -> DendriteLearner:
    learner = DendriteLearner.from_checkpoint(Checkpoint.from_bytes(fork))
    found = newborn_beside(learner.net, VARIANTS["standard"], len(lived))
    found.run(lived, 1.0)
    learner.net.adopt(found)
    return learner


def fitted(fork: bytes, lived: NDArray[np.int32]) -> DendriteLearner:
    learner = DendriteLearner.from_checkpoint(Checkpoint.from_bytes(fork))
    weights = learner.net.weights()
    learner.net.refit(weights + np.random.default_rng(0).normal(0, 0.01, len(weights)).astype(np.float32))
    return learner


async def run(life: Life, tokens: NDArray[np.int32]) -> None:
    await life.engine.ask(Run(Input(tokens=tokens)))


@pytest.mark.parametrize(("make", "rebase"), [(rewired, False), (fitted, False), (fitted, True)])
async def test_it_comes_home_again_after_a_crash(
    tmp_path: Path, make: Callable[..., DendriteLearner], rebase: bool
) -> None:
    url = f"file://{tmp_path}/store"
    async with living(url, **SETTINGS) as life:
        await run(life, PARTS[0])
        fork = await life.snapshotter.save()
        made = make(await life.catalog.read(fork.id), PARTS[0]).checkpoint()
        saved = await life.catalog.save(made.to_bytes(), fork.tick, "", job=JOB)
        await run(life, PARTS[1])
        before = await life.state()
        await life.engine.ask(await homecoming(life, saved, fork if rebase else None))
        assert await life.state() != before
        await run(life, PARTS[2])
        before = await life.state()
    replica = await replayed(url, BORN)
    assert replica.learner.checkpoint().state_sha256() == before
    assert replica.progress.jobs == {JOB: 1}


async def test_what_it_was_restored_to_before_takes_nothing_in(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/store"
    async with living(url, **SETTINGS) as life:
        newborn = await life.snapshotter.save()
        await run(life, PARTS[0])
        fork = await life.snapshotter.save()
        made = rewired(await life.catalog.read(fork.id), PARTS[0]).checkpoint()
        saved = await life.catalog.save(made.to_bytes(), fork.tick, "", job=JOB)
        await life.snapshotter.restore(newborn.id, "cpu")
        with pytest.raises(Conflict, match="restored meanwhile"):
            await life.engine.ask(await homecoming(life, saved, None))
        await run(life, PARTS[1])
        before = await life.state()
    assert (await replayed(url, BORN)).learner.checkpoint().state_sha256() == before
