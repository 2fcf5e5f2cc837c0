"""Bound what of one stream waits for its answer."""

import asyncio


class Window:
    """Places for messages, and for the ticks in them: the next message comes in while there is one of each left."""

    def __init__(self, messages: int, ticks: int) -> None:
        self._messages = messages
        self._ticks = ticks
        self._opened = asyncio.Event()

    async def enter(self) -> None:
        """Take the place of one message, as soon as there is room."""
        while self._messages <= 0 or self._ticks <= 0:
            self._opened.clear()
            await self._opened.wait()
        self._messages -= 1

    def add_ticks(self, ticks: int) -> None:
        """Count the ticks of a message that has entered: the last one may have more than are left."""
        self._ticks -= ticks

    def leave(self, messages: int, ticks: int) -> None:
        """Give places back: these messages have been answered."""
        self._messages += messages
        self._ticks += ticks
        self._opened.set()
