"""End a command in order when a signal comes."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_a_signal(act: Callable[[], object]) -> Iterator[None]:
    """Have the first signal do `act`, and another one end it at once. On Windows the first one does that."""
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):
        for each in _SIGNALS:
            loop.add_signal_handler(each, act)
    try:
        yield
    finally:
        with suppress(NotImplementedError):
            for each in _SIGNALS:
                loop.remove_signal_handler(each)
