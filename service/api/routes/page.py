"""The page at `/` and the API's own at `/docs`: files that are open to all, since nothing of the net is in them."""

from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.staticfiles import StaticFiles

from service.api.access import needs
from service.auth.keys import Scope

router = APIRouter(include_in_schema=False)

_FILES = StaticFiles(directory=Path(__file__).parents[2] / "page")
_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"
_POLICY += "; frame-ancestors 'none'; img-src 'self' data:; style-src 'self'"
_HEADERS = {
    "Cache-Control": "no-cache",  # asked for each time, and answered by 304: a new server has a new page
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@router.get("/")
@needs(Scope.OPEN)
async def page(request: Request) -> Response:
    return await _file("index.html", request)


@router.get("/docs")
@needs(Scope.OPEN)
async def docs(request: Request) -> Response:
    return await _file("docs.html", request, " 'unsafe-inline'")  # Swagger UI writes styles into its elements


@router.get("/page/{path:path}")
@needs(Scope.OPEN)
async def file(path: str, request: Request) -> Response:
    return await _file(path, request)


async def _file(path: str, request: Request, styles: str = "") -> Response:
    """Return a file of the page. Raises HTTPException for one that is not there."""
    response = await _FILES.get_response(path, request.scope)
    response.headers.update(_HEADERS | {"Content-Security-Policy": _POLICY + styles})
    return response
