"""An engine that runs a small net in this process."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from realnet import TokenLearner
from realnet.inputs import Input
from realnet.learners import Learner
from service.engine.clones import clone
from service.engine.commands import Ran, Run
from service.engine.engine import Engine
from service.engine.inbox import Inbox
from service.engine.output_ring import OutputRing
from service.engine.pace import Pace
from service.journal.journal import Journal
from service.replica.replica import Replica
from service.strands import Pool

TEXT = (b"the net lives, and learns from every token. " * 60)[:2000]
TOKENS = np.frombuffer(TEXT, np.uint8).astype(np.int32)


def small() -> TokenLearner:
    return TokenLearner.create(num_neurons=1000, seed=3)


def quiet() -> Pace:
    """Return a clock so slow that no tick without input comes."""
    return Pace(tick_hz=0.001)


class Lived:
    """A started engine and what it was made of."""

    def __init__(
        self,
        learner: Learner,
        pace: Pace | None = None,
        idle_learning: bool = False,
        journal: Journal | None = None,
        pool: Pool | None = None,
    ) -> None:
        self.inbox = Inbox(capacity=100_000, generations=2)
        self.outputs = OutputRing(10_000, learner.interface)
        self.engine = Engine(
            replica=Replica(learner),
            inbox=self.inbox,
            outputs=self.outputs,
            pace=pace or quiet(),
            idle_learning=idle_learning,
            journal=journal,
            pool=pool,
        )

    async def run(self, learn: bool = True, **content: Any) -> Ran:
        return await self.engine.ask(Run(Input(**content), learn=learn, outputs="full"))

    async def weights(self) -> str:
        return (await clone(self.engine))[0].weights_sha256()

    async def state(self) -> str:
        return (await clone(self.engine))[0].state_sha256()


@asynccontextmanager
async def living(
    learner: Learner, pace: Pace | None = None, idle_learning: bool = False, journal: Journal | None = None
) -> AsyncIterator[Lived]:
    lived = Lived(learner, pace, idle_learning, journal)
    lived.engine.start()
    yield lived
    await lived.engine.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10.0):
        while not condition():
            await asyncio.sleep(0.002)
