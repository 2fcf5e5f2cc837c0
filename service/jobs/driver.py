"""Drive the net for a job: slice after slice, giving way to clients, and waiting where nothing can be learnt."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from realnet.outputs import OutputBatch
from service.engine.commands import Dream, Evaluate, SetPace
from service.engine.engine import Engine
from service.engine.inbox import Inbox
from service.engine.output_ring import OutputRing
from service.errors import Conflict, NotDurable
from service.replica.episode import Episode

_RETRY_SECONDS = 1.0
_LOOK_SECONDS = 0.002  # how often it looks whether clients have had their share
_QUIET_SECONDS = 0.1  # without an input, and then nobody streams


class JobDriver:
    """Asks the engine for one slice at a time. On the loop."""

    def __init__(self, engine: Engine, inbox: Inbox, outputs: OutputRing) -> None:
        self.engine = engine
        self._inbox = inbox
        self._outputs = outputs
        self._accepted, self._seen_at = inbox.accepted, 0.0

    @asynccontextmanager
    async def dreaming(self) -> AsyncIterator[None]:
        """Show the net as dreaming within the block. Raises Conflict where it may not learn."""
        if not self.engine.status.plasticity:
            raise Conflict("plasticity is off: PATCH /v1/net turns it on")
        await self.engine.ask(SetPace(dreaming=True))
        try:
            yield
        finally:
            await asyncio.shield(self.engine.ask(SetPace(dreaming=False)))

    async def live(self, dream: Dream) -> list[OutputBatch]:
        """Run episodes and return the outputs, once they are learnt. Waits while the journal cannot be written."""
        while True:
            try:
                return (await self.engine.ask(dream)).outputs
            except NotDurable:
                await asyncio.sleep(_RETRY_SECONDS)
                dream = replace(dream, reply=asyncio.get_running_loop().create_future())

    async def ask(self, episodes: list[Episode]) -> OutputBatch:
        """Return what the net says in these episodes, learning nothing."""
        return await self.engine.ask(Evaluate(episodes))

    def somebody_streams(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self._inbox.depth or self._inbox.accepted != self._accepted:
            self._accepted, self._seen_at = self._inbox.accepted, now
        return now - self._seen_at < _QUIET_SECONDS

    async def give_way(self, ticks: int, share: float) -> None:
        """Wait until clients have had their share beside so many ticks, or nobody streams."""
        due = self._outputs.end + int(ticks * (1 - share) / share)
        while self._outputs.end < due and self.somebody_streams():
            await asyncio.sleep(_LOOK_SECONDS)

    async def wait_for_quiet(self, seconds: float) -> None:
        """Wait until no input has come for so many seconds."""
        quiet_since = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - quiet_since < seconds:
            if self.somebody_streams():
                quiet_since = asyncio.get_running_loop().time()
            await asyncio.sleep(_QUIET_SECONDS / 2)
