"""Tell when a stream has to end: idle for too long, not read by its client for too long, or its key revoked."""

import asyncio
from collections.abc import Callable
from typing import Literal

from service.auth.keyring import Caller

Reason = Literal["idle", "stalled", "revoked"]


class Watchdog:
    """Watches one stream. An `idle_seconds` of 0 is no limit, and a stream that `is_busy` is not idle.

    It is busy as long as the client waits for an answer of the server. It is stalled when none of the messages that are
    being sent could be written for `stall_seconds`.
    """

    def __init__(
        self, caller: Caller, *, idle_seconds: float, stall_seconds: float, is_busy: Callable[[], bool]
    ) -> None:
        self._caller = caller
        self._idle_seconds = idle_seconds or float("inf")
        self._stall_seconds = stall_seconds
        self._is_busy = is_busy
        self._now = asyncio.get_running_loop().time
        self._seen_at = self._now()
        self._sending = 0  # messages
        self._sent_at = 0.0  # when the first of them was begun, or another one was written

    def seen(self) -> None:
        """Note that something was received."""
        self._seen_at = self._now()

    def begin_send(self) -> None:
        self._seen_at = self._now()
        if not self._sending:
            self._sent_at = self._seen_at
        self._sending += 1

    def end_send(self) -> None:
        self._sent_at = self._now()
        self._sending -= 1

    async def ended(self) -> Reason:
        """Wait until the stream has to end, and return why."""
        while True:
            now = self._now()
            if self._is_busy():
                self._seen_at = now
            idle_at = self._seen_at + self._idle_seconds
            stalled_at = self._stall_seconds + (self._sent_at if self._sending else now)
            if stalled_at <= now:
                return "stalled"
            if idle_at <= now:
                return "idle"
            try:
                async with asyncio.timeout_at(min(idle_at, stalled_at)):
                    await self._caller.revoked.wait()
                return "revoked"
            except TimeoutError:
                pass
