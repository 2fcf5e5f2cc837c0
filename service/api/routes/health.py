"""Tell whether the process is alive and ready, and give Prometheus its numbers."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from service.aio import in_thread
from service.api.access import needs
from service.api.deps import CallerDep, NetsDep, problems
from service.api.schemas import Health
from service.auth.keys import Scope
from service.telemetry.metrics import text_of

router = APIRouter(tags=["health"])


@router.get("/healthz")
@needs(Scope.OPEN)
async def healthz() -> Health:
    """Answer as long as the process does."""
    return Health(status="ok")


@router.get("/readyz", responses=problems(503))
@needs(Scope.READ, here=True, of_net=False)
async def readyz(nets: NetsDep) -> Health:
    """Check that the engine ticks, the journal is read and can be written, and the store answers."""
    await nets.check_ready()
    return Health(status="ready")


@router.get("/metrics", response_class=PlainTextResponse)
@needs(Scope.READ, here=True, of_net=False)
async def metrics(request: Request, caller: CallerDep) -> Response:
    caller.check_all_nets()
    collected = list(request.app.state.registry.collect())
    text = await in_thread(lambda: text_of(collected))  # of a thousand streams that takes a while
    return Response(text, media_type=CONTENT_TYPE_LATEST)
