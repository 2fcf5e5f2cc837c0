"""Copies of the net: the engine's thread begins one, and another waits for it, while the net lives on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from realnet import Checkpoint
from service.engine.commands import Query
from service.engine.engine import DIED, Engine
from service.errors import EngineStopped
from service.journal.position import JournalPosition
from service.replica.replica import Replica, ServiceState

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Clone(Query[tuple[Callable[[], Checkpoint], ServiceState]]):
    """A copy of everything, which may be on its way from a device, and what the service remembers of that moment."""

    def answer(
        self, replica: Replica, position: JournalPosition | None
    ) -> tuple[Callable[[], Checkpoint], ServiceState]:
        return replica.learner.begin_checkpoint(), replica.state(position)


async def clone(engine: Engine) -> tuple[Checkpoint, ServiceState]:
    """Return a copy of everything, and what the service remembers of that moment. Raises EngineStopped."""
    begun, state = await engine.ask(Clone())
    return await arrived(engine, begun), state


async def arrived(engine: Engine, begun: Callable[[], T]) -> T:
    """Wait on another thread for what the net has begun to hand over.

    Raises EngineStopped if it is lost; then the engine has died of it, as if it had waited itself.
    """
    try:
        return await asyncio.to_thread(begun)
    except Exception as error:
        engine.end(error)
        raise EngineStopped(DIED) from error
