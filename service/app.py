"""The one place that knows every part: it puts them together, and starts and stops them in order."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from service.api.access import needs
from service.api.deps import Spine
from service.api.encoding import FrameOutput, TokenOutput
from service.api.error_handlers import refusal, respond
from service.api.gateway import Gateway
from service.api.idempotency import IdempotencyKeys
from service.api.openapi import declare_keys
from service.api.request_log import RequestLog
from service.api.routes import datasets, generate, health, inputs, jobs, net, outputs, snapshots, stream
from service.api.stream.hub import StreamHub
from service.api.uploads import Uploads
from service.auth.keyring import Keyring
from service.auth.keys import KeysError, Scope
from service.errors import Invalid, Problem, Refused, problem_of, problem_of_status
from service.runtime.birth import CannotStart
from service.runtime.open_store import opened_store
from service.runtime.runtime import Runtime
from service.settings import Settings
from service.store.base import StoreError
from service.telemetry.metrics import open_registry
from service.validation import locations_of

_DRAIN_SECONDS = 1.5  # at a shutdown, to run what was accepted
_logger = logging.getLogger(__name__)


PARTS = (health, net, inputs, outputs, generate, datasets, jobs, snapshots, stream)


def create_app(settings: Settings) -> FastAPI:
    keyring = Keyring(settings.api_key, settings.keys_file, settings.rate_requests, settings.rate_ticks)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _following(keyring), _living(settings) as spine:
            app.state.spine = spine
            app.state.registry = open_registry(spine.runtime.parts)
            yield

    app = _Api(title="RealNet", version=version("realnet-live"), lifespan=lifespan)
    for page in app.routes:  # FastAPI's own, with the document
        needs(Scope.READ)(page.endpoint)  # type: ignore[attr-defined]
    guarded = [*app.routes, *(route for part in PARTS for route in part.router.routes)]
    app.guarded, app.keys_required = guarded, keyring.required
    app.add_middleware(Gateway, settings=settings, keyring=keyring, routes=guarded)
    if settings.origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.origins, allow_methods=["*"], allow_headers=["*"])
    app.add_middleware(RequestLog)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    for kind in (Refused, StoreError, Exception):
        app.add_exception_handler(kind, _answer)
    for part in PARTS:
        app.include_router(part.router)
    return app


@asynccontextmanager
async def _following(keyring: Keyring) -> AsyncIterator[None]:
    try:
        keyring.load()
    except KeysError as error:
        raise CannotStart(str(error)) from error
    if keyring.required and not len(keyring):
        raise CannotStart("the file of keys has none in it: `realnet key create NAME` makes one")
    task = asyncio.create_task(keyring.follow(), name="keys")
    try:
        yield
    finally:
        task.cancel()


@asynccontextmanager
async def _living(settings: Settings) -> AsyncIterator[Spine]:
    async with opened_store(settings.store) as place, Runtime.open("default", settings, place) as runtime:
        hub = StreamHub(runtime, settings)
        runtime.events.on_mode.append(hub.mode_changed)
        runtime.events.on_snapshot.append(hub.snapshot_saved)
        runtime.events.on_job.append(hub.job_changed)
        uploads = Uploads(place.directory, settings.max_uploads)
        keys = IdempotencyKeys(runtime.engine.progress.keys, settings.idempotency_keys)
        yield Spine(settings, runtime, hub, keys, uploads)


class _Api(FastAPI):
    guarded: Sequence[BaseRoute] = ()
    keys_required = False

    def openapi(self) -> dict[str, Any]:
        """With the schemas of what is not answered through pydantic, and without the 422 that is never sent."""
        if self.openapi_schema is None:
            document = super().openapi()
            place = "#/components/schemas/{%s}"
            schemas = document["components"]["schemas"]
            _, others = msgspec.json.schema_components([TokenOutput, FrameOutput], ref_template=place % "name")
            problem = Problem.model_json_schema(ref_template=place % "model")
            schemas |= others | problem.pop("$defs") | {"Problem": problem}
            for operations in document["paths"].values():
                for operation in operations.values():
                    if "HTTPValidationError" in str(operation["responses"].get("422")):
                        del operation["responses"]["422"]
            declare_keys(document, self.guarded, self.keys_required)
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
        assert self.openapi_schema is not None
        return self.openapi_schema


async def _answer(_: Request, error: Exception) -> Response:
    return refusal(error)


async def _answer_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    if errors[0]["type"] == "json_invalid":
        return respond(problem_of_status(400, "the body is not JSON"))
    return respond(problem_of(Invalid(locations_of(errors))))


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:  # the router names the methods of one route, and there may be more of this path
        headers["Allow"] = request.scope["realnet.allow"]
    return respond(problem_of_status(error.status_code, error.detail), headers)
