"""A store in Redis 7.0 or newer: every key is one string value."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from service.store.base import check_key, check_prefix, is_key
from service.store.keys import REDIS_PREFIX
from service.store.redis_client import open_client, place_of, translated_errors

CALL_SECONDS = 10.0  # everything in a call together: waiting, connecting, retrying


class RedisStore:
    """A store in Redis, as durable as that is configured to be: a `put` returns when Redis has replied."""

    def __init__(self, url: str) -> None:
        self._client = open_client(url, CALL_SECONDS)
        self._place = place_of(self._client)

    async def put(self, key: str, value: bytes) -> None:
        name = REDIS_PREFIX + check_key(key)
        async with self._call(name):
            await self._client.set(name, value)

    async def get(self, key: str) -> bytes | None:
        name = REDIS_PREFIX + check_key(key)
        async with self._call(name):
            return cast("bytes | None", await self._client.get(name))

    async def delete(self, key: str) -> None:
        name = REDIS_PREFIX + check_key(key)
        async with self._call(name):
            await self._client.delete(name)

    async def keys(self, prefix: str) -> list[str]:
        pattern = f"{REDIS_PREFIX}{check_prefix(prefix)}*"  # no sign of a key or prefix means anything in a pattern
        async with self._call():
            found = {name async for name in self._client.scan_iter(match=pattern, count=1000)}  # SCAN may repeat a name
        keys = (name.decode(errors="replace").removeprefix(REDIS_PREFIX) for name in found)
        return sorted(key for key in keys if is_key(key))

    async def ping(self) -> None:
        async with self._call():
            await self._client.ping()

    async def close(self) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def _call(self, key: str | None = None) -> AsyncIterator[None]:
        task = asyncio.current_task()
        assert task is not None, "called from a coroutine"
        cancellations = task.cancelling()
        with translated_errors(self._place, CALL_SECONDS, key):
            async with asyncio.timeout(CALL_SECONDS):
                yield
            if task.cancelling() > cancellations:  # Python 3.11's wait_for overlooks one that comes with the answer
                raise asyncio.CancelledError
