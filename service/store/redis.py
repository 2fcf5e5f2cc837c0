"""A store in Redis 7.0 or newer: every key is one string value."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

from redis.exceptions import ResponseError, WatchError

from service.store.base import Lock, check_key, check_prefix, is_key
from service.store.keys import REDIS_PREFIX
from service.store.redis_client import open_client, place_of, translated_errors
from service.store.redis_fence import COMMAND, REFUSED, SWAP, fenced

_LARGE_BYTES = 2**16
CALL_SECONDS = 10.0  # everything in a call together: waiting, connecting, retrying


class RedisStore:
    """A store in Redis, as durable as that is configured to be: a `put` returns when Redis has replied."""

    def __init__(self, url: str, lock: Lock | None = None) -> None:
        """With a `lock`, writes are refused unless the store is its holder's."""
        self._client = open_client(url, CALL_SECONDS)
        self._place = place_of(self._client)
        self._lock = lock
        self._command: Any = self._client.register_script(COMMAND)
        self._swap: Any = self._client.register_script(SWAP)

    async def put(self, key: str, value: bytes) -> None:
        name = REDIS_PREFIX + check_key(key)
        async with self._call(name):
            if len(value) > _LARGE_BYTES and self._fence:
                await self._set_large(name, value)
            else:
                await self._write("SET", name, value)

    async def get(self, key: str) -> bytes | None:
        name = REDIS_PREFIX + check_key(key)
        async with self._call(name):
            return cast("bytes | None", await self._client.get(name))

    async def get_all(self, keys: Sequence[str]) -> list[bytes | None]:
        names = [REDIS_PREFIX + check_key(key) for key in keys]
        if not names:
            return []
        async with self._call():
            return cast("list[bytes | None]", await self._client.mget(names))

    async def delete(self, key: str) -> None:
        name = REDIS_PREFIX + check_key(key)
        async with self._call(name):
            await self._write("DEL", name)

    async def swap(self, key: str, old: bytes, new: bytes | None) -> bool:
        name = REDIS_PREFIX + check_key(key)
        async with self._call(name):
            values = (old,) if new is None else (old, new)
            return bool(await self._swap(**fenced(self._fence, name, *values)))

    async def keys(self, prefix: str) -> list[str]:
        pattern = f"{REDIS_PREFIX}{check_prefix(prefix)}*"  # no sign of a key or prefix means anything in a pattern
        found: set[bytes] = set()  # SCAN may repeat a name
        cursor = -1
        while cursor:
            async with self._call():  # each has its seconds: of millions of keys, all would take longer
                cursor, names = await self._client.scan(max(0, cursor), match=pattern, count=1000)
            found.update(cast("list[bytes]", names))
        keys = (name.decode(errors="replace").removeprefix(REDIS_PREFIX) for name in found)
        return sorted(key for key in keys if is_key(key))

    async def ping(self) -> None:
        async with self._call():
            await self._client.ping()

    async def close(self) -> None:
        await self._client.aclose()

    @property
    def _fence(self) -> Mapping[str, str]:
        return {} if self._lock is None else self._lock.fence

    async def _write(self, *command: str | bytes) -> None:
        if self._lock is None:
            await cast(Any, self._client).execute_command(*command)
        else:
            await self._command(**fenced(self._fence, *command))

    async def _set_large(self, name: str, value: bytes) -> None:
        """Set a value in two steps: a script would copy it, for which all others would wait."""
        async with cast(Any, self._client).pipeline() as pipeline:
            while True:
                await pipeline.watch(*self._fence)
                found = await pipeline.mget(*self._fence)
                if found != [each.encode() for each in self._fence.values()]:
                    raise ResponseError(REFUSED)
                pipeline.multi()
                pipeline.set(name, value)
                with suppress(WatchError):  # perhaps a Redis that has lost its keys has just got them back
                    await pipeline.execute()
                    return

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
