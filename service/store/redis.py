"""A store in Redis 7.0 or newer: every key is one string value."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from service.store.base import StoreError, check_key, check_prefix, is_key
from service.store.keys import REDIS_PREFIX

CONNECT_SECONDS = 2.0
CALL_SECONDS = 10.0  # everything in a call together: waiting, connecting, retrying


class RedisStore:
    """As durable as the server is configured to be: a `put` returns when Redis has replied."""

    def __init__(self, url: str) -> None:
        self._client = Redis.from_url(
            url,
            protocol=2,  # enough for bytes; 3 sends the password in HELLO, which old servers repeat in their error
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=CALL_SECONDS,
            retry=Retry(NoBackoff(), 1),  # one, for a pooled connection that a restart of the server has cut
        )
        self._place = place_of(self._client)

    async def put(self, key: str, value: bytes) -> None:
        check_key(key)
        async with self._call():
            await self._client.set(REDIS_PREFIX + key, value)

    async def get(self, key: str) -> bytes | None:
        check_key(key)
        async with self._call():
            return cast("bytes | None", await self._client.get(REDIS_PREFIX + key))

    async def delete(self, key: str) -> None:
        check_key(key)
        async with self._call():
            await self._client.delete(REDIS_PREFIX + key)

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
    async def _call(self) -> AsyncIterator[None]:
        task = asyncio.current_task()
        assert task is not None
        cancellations = task.cancelling()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                yield
            if task.cancelling() > cancellations:  # Python 3.11's wait_for overlooks one that comes with the answer
                raise asyncio.CancelledError
        except (RedisError, OSError) as error:  # a TimeoutError is an OSError
            raise StoreError(f"{self._place}: {reason_of(error, CALL_SECONDS)}") from error


def place_of(client: Any) -> str:
    """Without the password."""
    address = client.connection_pool.connection_kwargs
    return f"redis://{address['host']}:{address.get('port', 6379)}/{address.get('db', 0)}"


def reason_of(error: Exception, seconds: float) -> str:
    """In one line."""
    return " ".join(str(error).split()) or f"no answer within {seconds:g} s"
