"""The one way out of the engine's thread: what it says in a step is done on the event loop, in order."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Outbox:
    """However many steps there were since the loop last woke, it is woken once; `afterwards` is called at the end."""

    def __init__(self, afterwards: Callable[[], None]) -> None:
        self._afterwards = afterwards
        self._said: list[Callable[[], object]] = []  # in this step
        self._posted: list[Callable[[], object]] = []
        self._loop_is_woken = False
        self._lock = threading.Lock()

    def open(self) -> None:
        """On the loop that is to be woken."""
        self._loop = asyncio.get_running_loop()

    def deliver(self) -> None:
        """On the loop."""
        with self._lock:
            posted, self._posted = self._posted, []
            self._loop_is_woken = False
        for delivery in posted:
            delivery()
        self._afterwards()

    # On the engine's thread:

    def say(self, delivery: Callable[..., object], *arguments: Any) -> None:
        self._said.append(lambda: delivery(*arguments))

    def tell(self, listener: Callable[..., None], *arguments: Any) -> None:
        """As `say`, for what may raise: then the loop reports it, and other deliveries do not suffer."""
        self.say(self._loop.call_soon, listener, *arguments)

    def resolve(self, reply: "asyncio.Future[T]", result: T) -> None:
        self.say(_resolve, reply, result)

    def fail(self, reply: "asyncio.Future[Any]", error: Exception) -> None:
        self.say(_fail, reply, error)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said since the last post."""
        return not self._said

    def post(self) -> None:
        with self._lock:
            is_asleep, self._loop_is_woken = not self._loop_is_woken, True
            self._posted += self._said
        self._said = []
        if is_asleep:
            self._loop.call_soon_threadsafe(self.deliver)


def _resolve(reply: "asyncio.Future[T]", result: T) -> None:
    if not reply.done():  # a client that left has cancelled it
        reply.set_result(result)


def _fail(reply: "asyncio.Future[Any]", error: Exception) -> None:
    if not reply.done():
        reply.set_exception(error)
        reply.exception()  # nobody waits for the reply to an input that was only accepted
