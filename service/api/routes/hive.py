"""Tell of the servers that live by one journal, and have this one lead."""

from fastapi import APIRouter
from pydantic import BaseModel

from service.api.access import needs
from service.api.deps import EdgeDep, problems
from service.auth.keys import Scope
from service.runtime.hive import Hive, Member

router = APIRouter(prefix="/v1/hive", tags=["hive"])


class HiveShown(BaseModel, frozen=True):
    """This server's `id` and `role` (leader or follower), the leader's URL, and all that were heard of lately.

    `leader` is null where nobody is known to lead. Of a follower that is `read_only`, what would change the net is
    refused; any other sends it to the leader.
    """

    id: str
    role: str
    leader: str | None
    read_only: bool
    members: list[Member]

    @classmethod
    def of(cls, hive: Hive) -> "HiveShown":
        me = hive.me
        return cls(id=me.id, role=me.role, leader=hive.leader, read_only=hive.read_only, members=hive.members)


@router.get("")
@needs(Scope.READ, here=True)
async def get_hive(edge: EdgeDep) -> HiveShown:
    """Tell who leads, who follows, how far each is, and whether its net is the leader's."""
    return HiveShown.of(edge.hive)


@router.post("/promote", responses=problems(403, 409, 503))
@needs(Scope.ADMIN, here=True)
async def promote(edge: EdgeDep) -> HiveShown:
    """Have this server lead, once its leader is gone; nothing happens where it leads already.

    While the leader lives this is refused (409). Where nobody can know whether it does, its lease is waited for, some
    ten seconds. Nothing is lost that was durable in the journal.
    """
    await edge.hive.promote()
    return HiveShown.of(edge.hive)
