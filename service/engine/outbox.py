"""The queue out of the engine's thread: its calls are made on the event loop, in order."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Outbox:
    """Wakes the loop once, however many steps there were since; `afterwards` is called after all other calls."""

    def __init__(self, afterwards: Callable[[], None]) -> None:
        self._afterwards = afterwards
        self._queued: list[Callable[[], object]] = []  # in this step
        self._flushed: list[Callable[[], object]] = []
        self._loop_is_woken = False
        self._lock = threading.Lock()

    def open(self) -> None:
        """Begin. Call it on the loop that is to be woken."""
        self._loop = asyncio.get_running_loop()

    def deliver(self) -> None:
        """Make the calls that wait. On the loop."""
        with self._lock:
            flushed, self._flushed = self._flushed, []
            self._loop_is_woken = False
        for delivery in flushed:
            delivery()
        self._afterwards()

    # On the engine's thread:

    def call_soon(self, delivery: Callable[..., object], *arguments: Any) -> None:
        self._queued.append(lambda: delivery(*arguments))

    def call_listener(self, listener: Callable[..., None], *arguments: Any) -> None:
        """Queue a call that may raise: the loop then reports the error, and other calls do not suffer."""
        self.call_soon(self._loop.call_soon, listener, *arguments)

    def resolve(self, reply: "asyncio.Future[T]", result: T) -> None:
        self.call_soon(_resolve, reply, result)

    def fail(self, reply: "asyncio.Future[Any]", error: Exception) -> None:
        self.call_soon(_fail, reply, error)

    @property
    def is_empty(self) -> bool:
        """Return whether no call was queued since the last `flush`."""
        return not self._queued

    def flush(self) -> None:
        with self._lock:
            is_asleep, self._loop_is_woken = not self._loop_is_woken, True
            self._flushed += self._queued
        self._queued = []
        if is_asleep:
            self._loop.call_soon_threadsafe(self.deliver)


def _resolve(reply: "asyncio.Future[T]", result: T) -> None:
    if not reply.done():  # a client that left has cancelled it
        reply.set_result(result)


def _fail(reply: "asyncio.Future[Any]", error: Exception) -> None:
    if not reply.done():
        reply.set_exception(error)
        reply.exception()  # nobody waits for the reply to an input that was only accepted
