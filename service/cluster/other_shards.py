"""What one shard asks of another, for the jobs about children, with a proof that only who reads Redis can give."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import httpx
from pydantic import ValidationError

from service.api.passing import TO_A_SHARD
from service.cluster.shards import ShardSeen, shard_of
from service.errors import EngineStopped, Forbidden, Misdirected, NotReady, Problem, error_of, problem_of_status
from service.peers import tls
from service.store.base import StoreError
from service.store.redis_shard_lock import Holder, RedisShardLock

_CHILDREN = "/v1/shard/children"
_CONNECT_SECONDS = 2.0
_AGAIN_SECONDS = 0.1  # before a shard is looked for again
_LOOK_SECONDS = 1.0  # between two looks whether a shard that has not answered yet is still there
_SHORTLY = 0.2  # seconds that a shard is waited for that has just been waited for in vain
_RELEASE_SECONDS = 2.0  # for all that let a parent go: who deletes it may ask again
_WRITE_BYTES = 2**20


class _Away(Exception):
    """A shard that does not answer where it should be."""


class OtherShards:
    """The other shards of a cluster; one that is away is waited for `patience` seconds at most.

    The process that has a shard at this moment is asked; one that had it before refuses, and so it is with who asks.
    """

    def __init__(self, lock: RedisShardLock, count: int, patience: float) -> None:
        self._lock, self._count, self._patience = lock, count, patience
        self._waited_in_vain: dict[int, float] = {}  # when it ended, by shard
        # How long an answer takes is not limited: whether the shard is there is looked after beside.
        times = httpx.Timeout(None, connect=_CONNECT_SECONDS)
        limits = httpx.Limits(max_connections=None)  # of a job each: none waits for a shard that another one asks
        self._http = httpx.AsyncClient(timeout=times, limits=limits, verify=tls(), trust_env=False)

    async def close(self) -> None:
        await self._http.aclose()

    async def rebase(self, name: str, net: str, snapshot: str) -> None:
        """Have a child go on over another snapshot. Raises Refused or StoreError."""
        await self._ask(self._of(name), "PUT", f"{_CHILDREN}/{name}/parent", {"net": net, "snapshot": snapshot})

    async def release(self, names: Iterable[str], net: str, snapshot: str | None) -> None:
        """Have the shards of these children let a parent go that these need no more, if they answer soon."""
        parameters = {"net": net} if snapshot is None else {"net": net, "snapshot": snapshot}
        asked = [self._ask(shard, "DELETE", _CHILDREN, parameters) for shard in set(map(self._of, names))]
        with suppress(TimeoutError):
            async with asyncio.timeout(_RELEASE_SECONDS):
                await asyncio.gather(*asked, return_exceptions=True)

    async def take(self, name: str, parent: str, path: Path) -> None:
        """Write what a child is now to a file, if it may be merged into the parent of this hash.

        Raises Conflict where it may not, Refused or StoreError.
        """
        await self._ask(self._of(name), "GET", f"{_CHILDREN}/{name}/state", {"parent": parent}, path)

    def _of(self, name: str) -> int:
        return shard_of(name, self._count)

    async def _ask(
        self, shard: int, method: str, target: str, parameters: dict[str, str], path: Path | None = None
    ) -> None:
        """Ask a shard until it answers; what it answers goes to a file, if there is a path."""
        clock = asyncio.get_running_loop().time
        is_given_up = clock() - self._waited_in_vain.get(shard, -self._patience) < self._patience
        until = clock() + (_SHORTLY if is_given_up else self._patience)
        while True:
            try:
                if (holder := await self._lock.holder_of(shard)) is None:
                    raise _Away
                headers = {TO_A_SHARD: self._lock.proof_for(holder), "Accept-Encoding": "identity"}
                url = _url_of(holder) + target
                request = self._http.build_request(method, url, params=parameters, headers=headers)
                await self._answered(shard, holder, request, path)
            except (_Away, Forbidden, Misdirected):  # refused by who is there now, or had the shard before
                if clock() >= until:
                    self._waited_in_vain[shard] = clock()
                    why = f"shard {shard} is away, and did not come back within {self._patience:g} s"
                    raise NotReady(why) from None
            except (NotReady, EngineStopped) as error:  # it shuts down, or the net could not be woken in time
                if clock() >= until:
                    raise NotReady(str(error)) from error
            else:
                self._waited_in_vain.pop(shard, None)
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _answered(self, shard: int, holder: Holder, request: httpx.Request, path: Path | None) -> None:
        """Wait for an answer as long as the process is there that was asked. Raises _Away or what it refuses with."""
        answer = asyncio.create_task(self._send(request, path))
        try:
            while not (await asyncio.wait([answer], timeout=_LOOK_SECONDS))[0]:
                with suppress(StoreError):
                    now = await self._lock.holder_of(shard)
                    if now is None or now.token != holder.token:
                        raise _Away
            answer.result()
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)

    async def _send(self, request: httpx.Request, path: Path | None) -> None:
        try:
            answer = await self._http.send(request, stream=True)
            try:
                if not answer.is_success:
                    raise _error_in(answer.status_code, await answer.aread())
                if path is not None:
                    with path.open("wb", buffering=_WRITE_BYTES) as file:
                        async for piece in answer.aiter_raw():
                            file.write(piece)
            finally:
                await answer.aclose()
        except httpx.HTTPError as error:
            raise _Away from error


def _url_of(holder: Holder) -> str:
    try:
        return ShardSeen.model_validate_json(holder.told).url
    except ValidationError as error:  # of another version
        raise _Away from error


def _error_in(status: int, body: bytes) -> Exception:
    try:
        return error_of(Problem.model_validate_json(body))
    except ValidationError:
        return error_of(problem_of_status(status))
