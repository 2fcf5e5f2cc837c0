"""Count the nets of a shard, for gateways."""

from fastapi import APIRouter
from pydantic import BaseModel

from service.api.access import needs
from service.api.deps import CallerDep, NetsDep
from service.auth.keys import Scope
from service.nets.manifest import DEFAULT

router = APIRouter(prefix="/v1/shard", include_in_schema=False)


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
