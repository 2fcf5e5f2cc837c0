"""Share one answer among all who ask, so that a hundred of them cost what one does."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_SHARE = 0.01  # of the time, at most, is spent on an answer
T = TypeVar("T")


class Shared(Generic[T]):
    """An answer that is made when somebody asks, and stays good for `seconds`, and for 100 times what it took."""

    def __init__(self, make: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._make = make
        self._seconds = seconds
        self._made: asyncio.Task[T] | None = None
        self._until = 0.0  # monotonic seconds

    async def get(self) -> T:
        """Return the answer. Raises what making it raises, and whoever asks next has it tried again."""
        if self._made is None or (self._made.done() and time.monotonic() >= self._until):
            self._made = asyncio.ensure_future(self._timed())
        return await asyncio.shield(self._made)

    async def _timed(self) -> T:
        began = time.monotonic()
        answer = await self._make()
        now = time.monotonic()
        self._until = now + max(self._seconds, (now - began) / _SHARE)
        return answer
