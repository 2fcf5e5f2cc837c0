"""The lock of a store in Redis: a lease that is renewed while its server lives, and the token of who took it last.

As long as the lease runs nobody else takes the store. Whoever held it and was only slow (stopped, cut off) then finds
another token there, by which Redis itself refuses what it would still write.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from service.store.base import StoreInUse, StoreLost
from service.store.keys import REDIS_CLUSTER, REDIS_LEASE, REDIS_OWNER
from service.store.redis_client import open_client, place_of, translated_errors

CLUSTER = "a cluster of "  # how one is named in Redis, before the number of its shards
LEASE_SECONDS = 10.0
CALL_SECONDS = 2.0
RELEASE_SECONDS = 0.5  # a shutdown does not wait for it
MILLISECONDS = round(1000 * LEASE_SECONDS)
_RENEW_SECONDS = 2.0
_LOOK_SECONDS = 0.2
_TAKE = """
local holder = redis.pcall('get', KEYS[1])
if type(holder) == 'table' then return holder end
if holder and holder ~= ARGV[1] then return holder end
local cluster = redis.call('get', KEYS[3])
if cluster then return cluster end
redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
redis.call('set', KEYS[2], ARGV[4])
return false
"""
_RENEW = """
local owner = redis.call('get', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
if not owner then redis.call('set', KEYS[1], ARGV[1]) end
redis.call('set', KEYS[2], ARGV[2], 'px', ARGV[3])
return 1
"""
_logger = logging.getLogger(__name__)


class RedisLock:
    """A lease in Redis, renewed by a task of the event loop."""

    def __init__(self, url: str) -> None:
        self.fence: Mapping[str, str] = {REDIS_OWNER: secrets.token_hex(16)}
        self.lost: str | None = None
        self._client = open_client(url, CALL_SECONDS)
        self._place = place_of(self._client)
        self._here = _this_system()
        self._holder = f"{self._here} {os.getpid()}"
        self._renewing: asyncio.Task[None] | None = None
        self._is_released = False

    async def take(self, waits: bool = True) -> None:
        """Take the lock: at once where the last holder is known to be dead, else when its lease is over."""
        until = time.monotonic() + (LEASE_SECONDS + _RENEW_SECONDS if waits else 0.0)
        is_waiting = False
        with translated_errors(self._place, CALL_SECONDS, REDIS_LEASE):
            while (holder := await self._held_by()) is not None:
                is_cluster = holder.startswith(CLUSTER)
                if self._lives(holder) or time.monotonic() > until:
                    raise StoreInUse(f"{self._place} is in use by {holder if is_cluster else 'another server'}")
                if not is_waiting:
                    _logger.warning("%s was in use until now: waiting, %g s at most", self._place, LEASE_SECONDS)
                    is_waiting = True
                await asyncio.sleep(_LOOK_SECONDS)
        self._renewing = asyncio.create_task(self._renew_on(), name="lease")

    def check(self) -> None:
        if self.lost is not None:
            raise StoreLost(self.lost)

    async def release(self) -> None:
        if self._renewing is not None:
            self._is_released = True  # Python 3.11's wait_for overlooks a cancellation that comes with an answer
            self._renewing.cancel()
            await asyncio.wait([self._renewing])  # else a connection that it is making stays open
            if self.lost is None:
                with contextlib.suppress(RedisError, OSError):
                    async with asyncio.timeout(RELEASE_SECONDS):
                        await self._let_go()
        await self._client.aclose()

    # What a shard of a cluster does otherwise:

    async def _try_to_take(self, dead: str) -> bytes | None:
        """Take the lock unless somebody has it who is not known to be dead; return who."""
        take: Any = self._client.register_script(_TAKE)
        arguments = [dead, self._holder, MILLISECONDS, self.fence[REDIS_OWNER]]
        found: bytes | None = await take(keys=[REDIS_LEASE, REDIS_OWNER, REDIS_CLUSTER], args=arguments)
        return found

    async def renew(self) -> bool:
        """Hold the lease for longer; return False where another server has the store."""
        renew: Any = self._client.register_script(_RENEW)
        arguments = [self.fence[REDIS_OWNER], self._holder, MILLISECONDS]
        return bool(await renew(keys=[REDIS_OWNER, REDIS_LEASE], args=arguments))

    async def _let_go(self) -> None:
        await self._client.delete(REDIS_LEASE)

    async def _held_by(self) -> str | None:
        """Return who holds the lease, or None where it is this server from now on."""
        dead = ""
        while True:  # of several that find the same holder dead, one takes the lease
            if (found := await self._try_to_take(dead)) is None:
                return None
            holder = found.decode()
            if self._lives(holder) is not False:
                return holder
            dead = holder

    def _lives(self, holder: str) -> bool | None:
        """Tell whether a holder's process lives; None if it is on another system, where nobody can tell."""
        system, _, process = holder.rpartition(" ")
        if system != self._here:
            return None
        if int(process) == os.getpid():
            return False  # it had the number that is this one's now
        with contextlib.suppress(PermissionError):
            try:
                os.kill(int(process), 0)
            except ProcessLookupError:
                return False
        return True

    async def _renew_on(self) -> None:
        while self.lost is None and not self._is_released:
            await asyncio.sleep(_RENEW_SECONDS)
            with contextlib.suppress(RedisError, OSError):  # whoever takes it meanwhile is seen once Redis answers
                if not await self.renew():
                    self.lost = f"another server has taken {self._place} over"
                    _logger.error("%s: nothing is learnt here any more", self.lost)


def _this_system() -> str:
    """Return a name for what process numbers are valid in: this system since it was booted, or this container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # not Linux: a name that nobody else has, so that leases are waited for
        return secrets.token_hex(16)
