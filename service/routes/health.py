"""Alive, ready, and the numbers for Prometheus."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service.problems import EngineStopped
from service.routes import Handles, problems
from service.schemas import Health

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.get("/readyz", responses=problems(503))
async def readyz(spine: Handles) -> Health:
    """The engine ticks and the store answers."""
    if not spine.engine.alive:
        raise EngineStopped("the engine does not tick")
    if (error := await spine.pulse.error()) is not None:
        raise error
    return Health(status="ready")


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    return Response(generate_latest(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)
