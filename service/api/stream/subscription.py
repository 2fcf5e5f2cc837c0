"""A client's place among the outputs, and what of them it is sent."""

import asyncio

from realnet.outputs import Level
from service.engine.output_ring import OutputRing


class Subscription:
    """It begins with the outputs that are published from now on. At the level `none` nothing is sent.

    Attributes:
        level: what is sent.
        position: in the ring, of the next output to be sent.
    """

    def __init__(self, outputs: OutputRing, level: Level) -> None:
        self.level, self.position = level, outputs.end
        self._outputs = outputs
        self._changed = asyncio.Event()
        outputs.wanted.subscribe(level)

    def change(self, level: Level) -> None:
        """Send something else from now on."""
        if self._is_silent:
            self.position = self._outputs.end
        self._outputs.wanted.subscribe(level)
        self._outputs.wanted.unsubscribe(self.level)
        self.level = level
        self._changed.set()

    def end(self) -> None:
        self._outputs.wanted.unsubscribe(self.level)

    async def wait(self) -> None:
        """Wait until there is something to be sent, and it is this client's turn."""
        while True:
            while self._is_silent:
                self._changed.clear()
                await self._changed.wait()
            await self._outputs.wait(self.position)
            if not self._is_silent:  # as it may have become meanwhile
                return

    @property
    def _is_silent(self) -> bool:
        return self.level == "none"
