"""What a gateway asks a shard: how many nets it has; and what other shards ask it of children of their nets."""

from collections.abc import AsyncIterator
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from service.api.access import needs
from service.api.deps import CallerDep, NetsDep
from service.api.passing import TO_A_SHARD
from service.auth.keys import Scope
from service.errors import Forbidden
from service.jobs.bundle import OCTETS
from service.nets.manifest import DEFAULT
from service.store.redis_shard_lock import RedisShardLock

router = APIRouter(prefix="/v1/shard", include_in_schema=False)

_PIECE_BYTES = 2**18


class ShardCounts(BaseModel):
    """How many nets a shard has beside `default`, how many of them the key is for, and how many are in memory."""

    nets: int
    own: int
    hot: int
    bytes: int


@router.get("")
@needs(Scope.READ, here=True, of_net=False)
async def count_nets(nets: NetsDep, caller: CallerDep) -> ShardCounts:
    """Count the nets of this shard."""
    counts, names = nets.counts, [name for name in await nets.names() if name != DEFAULT]
    own = sum(map(caller.share.includes, names))
    return ShardCounts(nets=len(names), own=own, hot=counts.hot, bytes=counts.hot_bytes)


async def _of_a_shard(request: Request) -> None:
    """Raise Forbidden unless another shard asks, and both processes have their shards still, or StoreError."""
    if not await cast(RedisShardLock, request.app.state.lock).admits(request.headers.get(TO_A_SHARD, "")):
        raise Forbidden("this is for the other shards of the cluster")


OF_A_SHARD = Depends(_of_a_shard)


@router.put("/children/{name}/parent", status_code=204, dependencies=[OF_A_SHARD])
@needs(Scope.OPEN, here=True, of_net=False)
async def rebase_child(
    name: str, net: Annotated[str, Query()], snapshot: Annotated[str, Query()], nets: NetsDep
) -> None:
    """Have a child go on over a snapshot of a net, for a job whose key is for both."""
    await nets.change(name, over=(net, snapshot))


@router.delete("/children", status_code=204, dependencies=[OF_A_SHARD])
@needs(Scope.OPEN, here=True, of_net=False)
async def release_parent(net: Annotated[str, Query()], nets: NetsDep, snapshot: str | None = None) -> None:
    """Let a parent go, or all snapshots of one, that children here need no more."""
    await nets.load()
    await nets.family.release(net, snapshot)


@router.get("/children/{name}/state", dependencies=[OF_A_SHARD])
@needs(Scope.OPEN, here=True, of_net=False)
async def get_state(name: str, parent: Annotated[str, Query()], nets: NetsDep) -> StreamingResponse:
    """Return all that a child is now, if it has consented to be merged into the parent of this hash."""
    data = await nets.family.state(name, parent)
    return StreamingResponse(_pieces(data), media_type=OCTETS, headers={"Content-Length": str(len(data))})


async def _pieces(data: bytes) -> AsyncIterator[memoryview]:
    whole = memoryview(data)
    for start in range(0, len(data), _PIECE_BYTES):
        yield whole[start : start + _PIECE_BYTES]
