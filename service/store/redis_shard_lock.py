"""The lock of one shard of a cluster: an epoch, which rises with each process that takes the shard.

It is taken at once: whoever starts the process of a shard (Ray) says that the last one is gone. That one may be only
frozen, or cut off. From then on Redis refuses what it would still write, and it ends itself. A lease of the whole
cluster, which all shards renew, keeps single servers out, and the lease of a single server keeps shards out.
"""

import contextlib
import hmac
import secrets
from typing import Any, NamedTuple, cast

from redis.exceptions import RedisError

from service.store.base import StoreInUse
from service.store.keys import REDIS_CLUSTER, REDIS_EPOCH, REDIS_LEASE, REDIS_OWNER, REDIS_SHARD
from service.store.redis_client import translated_errors
from service.store.redis_lock import CALL_SECONDS, CLUSTER, MILLISECONDS, RedisLock

_TAKE = """
local holder = redis.pcall('get', KEYS[1])
if type(holder) == 'table' then return holder end
if holder and holder ~= ARGV[1] then return holder end
local cluster = redis.call('get', KEYS[3])
if cluster and cluster ~= ARGV[2] then return {cluster} end
redis.call('del', KEYS[1])
if redis.call('get', KEYS[2]) ~= ARGV[2] then redis.call('set', KEYS[2], ARGV[2]) end
redis.call('set', KEYS[3], ARGV[2], 'px', ARGV[3])
local last = redis.call('get', KEYS[4]) or '0'
local epoch = string.format('%d', tonumber(string.match(last, '^%d+')) + 1)
redis.call('set', KEYS[4], epoch .. ' ' .. ARGV[4])
redis.call('del', KEYS[5])
return {'', epoch}
"""
_RENEW = """
for place = 1, 2 do
  local found = redis.call('get', KEYS[place])
  if found and found ~= ARGV[place] then return 0 end
end
for place = 1, 2 do
  if redis.call('exists', KEYS[place]) == 0 then redis.call('set', KEYS[place], ARGV[place]) end
end
redis.call('set', KEYS[3], ARGV[1], 'px', ARGV[3])
if ARGV[4] ~= '' then redis.call('set', KEYS[4], ARGV[4], 'px', ARGV[3]) end
return 1
"""
_LET_GO = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[2]) end"


class Holder(NamedTuple):
    """A process that has a shard: what it tells of itself, and its token, which only those know who reach Redis."""

    told: bytes
    token: bytes


class RedisShardLock(RedisLock):
    """A shard's epoch, and the cluster's lease.

    Attributes:
        epoch: 0 before it is taken.
    """

    def __init__(self, url: str, shard: int, count: int) -> None:
        super().__init__(url)
        self.epoch, self._shard = 0, shard
        self._cluster = f"{CLUSTER}{count} shards"
        self._token = secrets.token_hex(16)
        self._epoch_key, self._shard_key = f"{REDIS_EPOCH}{shard}", f"{REDIS_SHARD}{shard}"
        self.fence = {REDIS_OWNER: self._cluster, self._epoch_key: self._token}
        self._told = b""

    async def tell(self, what: bytes) -> None:
        """Have all know this of the shard, for as long as it is this process's: at once, or when Redis answers."""
        self._told = what
        with contextlib.suppress(RedisError, OSError):
            await self.renew()

    async def holder_of(self, shard: int) -> Holder | None:
        """Return the process that has a shard of the cluster now, None where none serves. Raises StoreError."""
        with translated_errors(self._place, CALL_SECONDS):
            found = await self._client.mget([f"{REDIS_SHARD}{shard}", f"{REDIS_EPOCH}{shard}"])
        told, token = cast("list[bytes | None]", found)
        return None if told is None or token is None else Holder(told, token)

    def proof_for(self, other: Holder) -> str:
        """Return what proves to the process of another shard that this one asks it."""
        return f"{self._shard} {proof(self._own, other.token)}"

    async def admits(self, given: str) -> bool:
        """Return whether this is the proof of who has another shard now, for who has this one. Raises StoreError."""
        shard, _, told = given.partition(" ")
        if not told:
            return False
        with translated_errors(self._place, CALL_SECONDS):
            found = await self._client.mget([f"{REDIS_EPOCH}{shard}", self._epoch_key])
        token, own = cast("list[bytes | None]", found)
        return token is not None and own == self._own and hmac.compare_digest(told.encode(), proof(token, own).encode())

    @property
    def _own(self) -> bytes:
        return self.fence[self._epoch_key].encode()

    async def _try_to_take(self, dead: str) -> bytes | None:
        take: Any = self._client.register_script(_TAKE)
        keys = [REDIS_LEASE, REDIS_OWNER, REDIS_CLUSTER, self._epoch_key, self._shard_key]
        found: bytes | list[bytes] = await take(keys=keys, args=[dead, self._cluster, MILLISECONDS, self._token])
        if isinstance(found, bytes):
            return found
        if (other := found[0].decode()) != "":
            raise StoreInUse(
                f"{self._place} is in use by {other}, not {self._cluster.removeprefix(CLUSTER)}: stop all of it, and "
                "start it with another number ten seconds later"
            )
        self.epoch = int(found[1])
        self.fence = {REDIS_OWNER: self._cluster, self._epoch_key: f"{self.epoch} {self._token}"}
        return None

    async def renew(self) -> bool:
        renew: Any = self._client.register_script(_RENEW)
        keys = [*self.fence, REDIS_CLUSTER, self._shard_key]
        return bool(await renew(keys=keys, args=[*self.fence.values(), MILLISECONDS, self._told]))

    async def _let_go(self) -> None:
        let_go: Any = self._client.register_script(_LET_GO)
        await let_go(keys=[self._epoch_key, self._shard_key], args=[self.fence[self._epoch_key]])


def proof(of: bytes, to: bytes) -> str:
    """Return what proves to who has the token `to` that it comes from who has the token `of`, and to nobody else."""
    return hmac.digest(of, to, "sha256").hex()
