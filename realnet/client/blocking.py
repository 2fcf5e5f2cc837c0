"""Run what is asynchronous for a caller that is not, on an event loop in a thread of its own."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import cache, wraps
from threading import Lock, Thread
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
U = TypeVar("U")


class Blocking:
    """An object whose methods do, and wait for, what those of an asynchronous one do."""

    def __init__(self, asynchronous: Any) -> None:
        self._asynchronous = asynchronous


def delegating(method: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """Make the method of a `Blocking` object that calls the one of the object behind it."""

    @wraps(method)
    def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return method(self._asynchronous, *args, **kwargs)

    return call


def blocking(method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Any, P], T]:
    """Make the method of a `Blocking` object that does what an asynchronous one does, and waits for it."""
    return returning(run, delegating(method))


def blocking_iterator(
    method: Callable[Concatenate[Any, P], AsyncIterator[T]],
) -> Callable[Concatenate[Any, P], Iterator[T]]:
    """Do the same for a method that yields."""
    return returning(iterate, delegating(method))


def returning(made: Callable[[T], U], method: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], U]:
    """Make the method that returns what is `made` of what another one returns."""

    @wraps(method)
    def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> U:
        return made(method(self, *args, **kwargs))

    return call


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Wait for a coroutine, which Ctrl-C cancels."""
    future = asyncio.run_coroutine_threadsafe(coroutine, _loop())
    try:
        return future.result()
    finally:
        future.cancel()


def iterate(iterator: AsyncIterator[T]) -> Iterator[T]:
    """Iterate over what comes from an asynchronous generator, and close it in the end."""
    end = object()

    async def following() -> Any:
        return await anext(iterator, end)

    async def close() -> None:
        while iterator.ag_running:  # type: ignore[attr-defined]  # of a generator, which a Ctrl-C has cancelled
            await asyncio.sleep(0)
        await iterator.aclose()  # type: ignore[attr-defined]

    try:
        while (each := run(following())) is not end:
            yield each
    finally:
        run(close())


def _loop() -> asyncio.AbstractEventLoop:
    """Return the loop of all clients of this process, whose thread begins with the first call and ends with it."""
    with _beginning:  # two threads may make the first call at once
        return _begun_loop()


@cache
def _begun_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="realnet.client", daemon=True).start()
    return loop


_beginning = Lock()


def _begin_anew() -> None:
    """Forget the loop in a child process: its thread stays behind, and so may a thread that holds the lock."""
    global _beginning
    _beginning = Lock()
    _begun_loop.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
