"""The health of a store."""

import asyncio
import time

from service.store.base import Store, StoreError

_PULSE_SECONDS = 1.0
_ANSWER_SECONDS = 2.0


class StoreHealth:
    """Whether the store answers, asked at most once a second however often it is looked at."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asking = asyncio.Lock()
        self._asked_at = -_PULSE_SECONDS
        self._error: StoreError | None = None

    async def error(self) -> StoreError | None:
        """Return why the store does not answer, or None."""
        async with self._asking:
            if time.monotonic() - self._asked_at >= _PULSE_SECONDS:
                self._error = await self._ask()
                self._asked_at = time.monotonic()
        return self._error

    async def _ask(self) -> StoreError | None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._store.ping()
        except TimeoutError:
            return StoreError(f"the store gave no answer within {_ANSWER_SECONDS:g} s")
        except StoreError as error:
            return error
        return None
