"""A client's place among the outputs, and what of them it is sent."""

import asyncio
from collections.abc import Callable

from realnet.outputs import Level
from service.engine.output_ring import OutputRing

_SAMPLED = 256  # outputs, at most, between two pauses


class Subscription:
    """It begins with the outputs that are published from now on. At the level `none` nothing is sent.

    With `pause`, which returns seconds, it is sampled: after each piece it waits so long, then skips all but the last.
    With a `session`, outputs of all others are skipped.

    Attributes:
        level: what is sent.
        position: in the ring, of the next output to be sent.
    """

    def __init__(
        self,
        outputs: OutputRing,
        level: Level,
        pause: Callable[[], float] | None = None,
        session: str | None = None,
    ) -> None:
        self.level, self.position = level, outputs.end
        self._outputs = outputs
        self._pause, self._session = pause, session
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
            if self._pause is not None:
                await asyncio.sleep(self._pause())
            await self._outputs.wait(self.position)
            if self._pause is not None:
                last = self._outputs.end - _SAMPLED
                self.position = max(self.position, last - last % _SAMPLED)  # so that many share what is encoded
            if self._session is not None:
                self.position = self._outputs.next_of(self._session, self.position)
                if self.position == self._outputs.end:
                    continue
            if not self._is_silent:  # as it may have become meanwhile
                return

    @property
    def _is_silent(self) -> bool:
        return self.level == "none"
