"""The shards of a cluster, as Redis has them: where each is, as long as it serves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol, cast

import httpx
from pydantic import BaseModel, ValidationError

from service.errors import NotReady
from service.nets.part import shard_of as shard_of
from service.store.base import StoreError
from service.store.keys import REDIS_OWNER, REDIS_SHARD
from service.store.redis_client import open_client, place_of, translated_errors
from service.store.redis_lock import CLUSTER

_LOOK_SECONDS = 0.5  # between two looks where all are
_HASTE_SECONDS = 0.1  # while somebody waits for one
_CALL_SECONDS = 2.0
_PROBE_SECONDS = 1.0  # for a shard of which it is not sure that it answers


class ShardSeen(BaseModel, frozen=True):
    """A shard that serves, as its process tells of it. `epoch` rises with each process that takes it.

    Attributes:
        node: Ray's id of the machine, "" of a process that Ray has not begun.
    """

    shard: int
    url: str
    epoch: int
    node: str
    host: str
    pid: int


class Shards(Protocol):
    """Where each shard of a cluster is, numbered from 0 to `count` - 1: `shard_of` tells which has a net."""

    count: int

    async def url(self, shard: int) -> str:
        """Return where a shard is; wait for one that is being started. Raises NotReady or StoreError after a while."""
        ...

    def lost(self, shard: int, url: str) -> None:
        """Note that a shard did not answer at this URL, or broke off: it is looked for again."""

    async def moved(self, shard: int, url: str) -> None:
        """Return when a shard is no longer at this URL, or it is not known to be: what it was asked has no answer."""

    async def seen(self) -> list[ShardSeen]:
        """Return the shards that serve now. Raises StoreError."""
        ...


class RedisShards:
    """The shards of the cluster on a Redis, which is looked at as long as this is open.

    A request waits `patience` seconds at most for one.
    """

    def __init__(self, url: str, count: int, patience: float) -> None:
        self.count = count
        self._patience = patience
        self._client = open_client(url, _CALL_SECONDS)
        self._place = place_of(self._client)
        self._http = httpx.AsyncClient(timeout=_PROBE_SECONDS, trust_env=False, verify=False)
        self._known: dict[int, str] = {}
        self._doubted: dict[int, str] = {}  # that did not answer there
        self._has_changed = asyncio.Event()
        self._trouble: StoreError | None = None
        self._waiting = 0
        self._haste = asyncio.Event()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["RedisShards"]:
        """Look where all are, until the end of the block."""
        looking = asyncio.create_task(self._look_on(), name="shards")
        try:
            yield self
        finally:
            while not looking.done():  # one that comes while Redis is connected to is lost
                looking.cancel()
                await asyncio.wait([looking], timeout=_HASTE_SECONDS)
            await self._http.aclose()
            await self._client.aclose()

    async def url(self, shard: int) -> str:
        if (known := self._known.get(shard)) is not None:
            return known
        self._waiting += 1
        self._haste.set()
        try:
            async with asyncio.timeout(self._patience):
                while (known := self._known.get(shard)) is None:
                    await self._has_changed.wait()
        except TimeoutError:
            raise self._trouble or NotReady(f"shard {shard} of the cluster is being started: ask again") from None
        finally:
            self._waiting -= 1
        return known

    def lost(self, shard: int, url: str) -> None:
        if self._known.get(shard) == url:
            del self._known[shard]
            self._doubted[shard] = url
            self._say()
            self._haste.set()

    async def moved(self, shard: int, url: str) -> None:
        while self._known.get(shard) == url:
            await self._has_changed.wait()

    async def seen(self) -> list[ShardSeen]:
        found = []
        keys = [REDIS_OWNER, *(f"{REDIS_SHARD}{shard}" for shard in range(self.count))]
        with translated_errors(self._place, _CALL_SECONDS):
            told = cast("list[bytes | None]", await self._client.mget(keys))
        expected = f"{CLUSTER}{self.count} shards"
        if told[0] is not None and told[0].startswith(CLUSTER.encode()) and told[0] != expected.encode():
            raise StoreError(f"{self._place} is of {told[0].decode()}, not {self.count}: set REALNET_CLUSTER_SHARDS")
        for each in told[1:]:
            with contextlib.suppress(ValidationError):  # of another version
                found += [] if each is None else [ShardSeen.model_validate_json(each)]
        return found

    async def _look_on(self) -> None:
        while True:
            try:
                await self._look()
                self._trouble = None
            except StoreError as error:  # they may all be well: nobody is told otherwise
                self._trouble = error
            if self._waiting:
                await asyncio.sleep(_HASTE_SECONDS)
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self._haste.wait()
            self._haste.clear()

    async def _look(self) -> None:
        told = {each.shard: each.url for each in await self.seen()}
        doubted = [shard for shard, url in self._doubted.items() if told.get(shard) == url]
        answers = await asyncio.gather(*(self._answers(told[shard]) for shard in doubted))
        for shard, answers_there in zip(doubted, answers, strict=True):
            if not answers_there:
                del told[shard]
        self._doubted = {shard: url for shard, url in self._doubted.items() if told.get(shard) != url}
        if told != self._known:
            self._known = told
            self._say()

    async def _answers(self, url: str) -> bool:
        try:
            return (await self._http.get(f"{url}/healthz")).status_code == 200
        except httpx.HTTPError:
            return False

    def _say(self) -> None:
        self._has_changed.set()
        self._has_changed = asyncio.Event()
