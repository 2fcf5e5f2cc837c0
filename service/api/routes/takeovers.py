"""Have another server's life take the place of this net's own, as a job."""

from fastapi import APIRouter, Response

from service.api.access import needs
from service.api.deps import TAKES_JSON, CallerDep, EdgeDep, RuntimeDep, problems
from service.api.routes.jobs import REFUSALS, queued
from service.auth.keys import Scope
from service.errors import Conflict
from service.jobs.job import Job
from service.jobs.other_server import OtherServer
from service.jobs.requests import TakeoverRequest
from service.peers import peer_of

router = APIRouter(prefix="/v1/takeovers", tags=["jobs"])


@router.post("", status_code=202, responses={**REFUSALS, **problems(502)}, dependencies=[TAKES_JSON])
@needs(Scope.ADMIN)
async def take_over(
    body: TakeoverRequest, edge: EdgeDep, runtime: RuntimeDep, caller: CallerDep, response: Response
) -> Job:
    """Take a life over: the net becomes, between two ticks, what that of another RealNet server is.

    With `snapshot` the other server takes one and sends it. With `relive` it also sends its journal, and this server
    lives through that again, in a process of its own: from the oldest of its snapshots that the journal goes on from,
    or from its birth. What comes out must be the same bit for bit, or the job fails and nothing has changed. What this
    net was is kept as a snapshot, the result's `before`.

    Refused (403) for a host that REALNET_PEERS does not name or a key that is no admin's there, (409) for a net with
    other inputs or outputs, and (502) where the other server does not answer or refuses.
    """
    if runtime.is_child:
        raise Conflict("a child takes no life over: it keeps its parent")
    caller.check_pace(runtime.rates())
    peer = peer_of(body.url, body.key, edge.settings.callable_hosts)
    async with OtherServer.asked(peer) as other:
        await other.check(runtime.interface)
    asked = {"url": peer.url, "how": body.how, "keyed": body.key is not None}
    return queued(await runtime.jobs.add("takeover", asked, caller.space, secret=body.key), response)
