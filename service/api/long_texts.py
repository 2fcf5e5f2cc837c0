"""Keep the loop free while tokens are made of a long text: a file's take half a second for a megabyte."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from realnet.interface import Interface

_LONG = 2**13  # characters: some milliseconds

T = TypeVar("T")


async def with_tokens(read: Callable[[], T], text: str | None, interface: Interface) -> T:
    """Return what `read` makes of a text, on a thread if that would take long."""
    vocabulary = interface.vocabulary
    if text is None or len(text) <= _LONG or vocabulary is None or not vocabulary.content:
        return read()
    return await asyncio.to_thread(read)
