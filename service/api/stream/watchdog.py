"""When a stream has to end although both sides are well: nothing goes on it, or its key is no longer one."""

import asyncio
from collections.abc import Callable

from service.auth.keyring import Caller


class IdleWatchdog:
    """`idle_seconds` 0 is never; while it `is_awaited`, the silence is this server's."""

    def __init__(self, caller: Caller, idle_seconds: float, is_awaited: Callable[[], bool]) -> None:
        self._caller = caller
        self._idle_seconds = idle_seconds or None
        self._is_awaited = is_awaited
        self._seen_at = 0.0
        self.seen()

    def seen(self) -> None:
        """Something has been received, or sent."""
        self._seen_at = asyncio.get_running_loop().time()

    async def ended(self) -> str:
        """Waits until it has to end; why."""
        while True:
            if self._is_awaited():
                self.seen()
            deadline = None if self._idle_seconds is None else self._seen_at + self._idle_seconds
            if deadline is not None and deadline <= asyncio.get_running_loop().time():
                return "idle"
            try:
                async with asyncio.timeout_at(deadline):
                    await self._caller.revoked.wait()
                return "revoked"
            except TimeoutError:
                pass
