"""Tell when a stream has to end: nothing has gone on it for too long, or its key was revoked."""

import asyncio
from collections.abc import Callable

from service.auth.keyring import Caller


class IdleWatchdog:
    """Watches one stream. An `idle_seconds` of 0 is no limit, and a stream that `is_busy` is not idle.

    It is busy as long as the client waits for an answer of the server.
    """

    def __init__(self, caller: Caller, idle_seconds: float, is_busy: Callable[[], bool]) -> None:
        self._caller = caller
        self._idle_seconds = idle_seconds or None
        self._is_busy = is_busy
        self._seen_at = 0.0
        self.seen()

    def seen(self) -> None:
        """Note that something was received or sent."""
        self._seen_at = asyncio.get_running_loop().time()

    async def ended(self) -> str:
        """Wait until the stream has to end, and return why: "idle" or "revoked"."""
        while True:
            if self._is_busy():
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
