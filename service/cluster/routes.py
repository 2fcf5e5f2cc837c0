"""Tell where the shards of a cluster are: what gateways alone are asked."""

from typing import Annotated, Literal, TypeAlias, cast

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from service.api.access import needs
from service.api.deps import CallerDep, problems
from service.auth.keys import Scope
from service.cluster.everywhere import Everywhere

router = APIRouter(prefix="/v1/cluster", tags=["cluster"])


async def _everywhere(request: Request) -> Everywhere:
    return cast(Everywhere, request.app.state.everywhere)


EverywhereDep: TypeAlias = Annotated[Everywhere, Depends(_everywhere)]


class ShardShown(BaseModel):
    """A shard. It is ready, or away; `epoch` rises with each process that takes it.

    It is on the machine `host`, which Ray knows as `node`, and has so many `nets`, of which `hot` ones are in memory
    and take so many `bytes`.
    """

    shard: int
    state: Literal["ready", "away"]
    url: str | None = None
    host: str | None = None
    node: str | None = None
    epoch: int | None = None
    nets: int | None = None
    hot: int | None = None
    bytes: int | None = None


class ClusterShown(BaseModel):
    shards: list[ShardShown]


@router.get("", responses=problems(403, 503))
@needs(Scope.READ, here=True, of_net=False)
async def get_cluster(request: Request, everywhere: EverywhereDep, caller: CallerDep) -> ClusterShown:
    """Tell where each shard of the cluster is, and what it has. Only gateways answer this."""
    caller.check_all_nets()
    return ClusterShown(shards=[ShardShown(**each) for each in await everywhere.seen(request.scope)])
