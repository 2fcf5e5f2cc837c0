"""Share one answer among all who ask, so that a hundred of them cost what one does."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from pydantic import BaseModel

T = TypeVar("T", bound=BaseModel)


class Shared(Generic[T]):
    """An answer that is made when somebody asks; `lasts` returns the seconds for which it is good."""

    def __init__(self, make: Callable[[], Awaitable[T]], lasts: Callable[[T], float]) -> None:
        self._make = make
        self._lasts = lasts
        self._made: asyncio.Task[T] | None = None
        self._until = 0.0  # monotonic seconds
        self._written: tuple[T, bytes] | None = None

    async def get(self) -> T:
        """Return the answer. Raises what making it raises, and whoever asks next has it tried again."""
        if self._made is None or (self._made.done() and time.monotonic() >= self._until):
            self._made = asyncio.ensure_future(self._new())
        return await asyncio.shield(self._made)

    async def json(self) -> bytes:
        """Return the answer in JSON, which is written once for all who ask. Raises as `get` does."""
        answer = await self.get()
        if self._written is None or self._written[0] is not answer:
            self._written = answer, answer.model_dump_json().encode()
        return self._written[1]

    async def _new(self) -> T:
        answer = await self._make()
        self._until = time.monotonic() + self._lasts(answer)
        return answer
