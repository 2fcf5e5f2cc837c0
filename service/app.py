"""The one place that knows every part: it puts them together, and starts and stops them in order."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import msgspec
import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from realnet import FrameLearner, TokenLearner
from service.commands import Learner
from service.engine import Engine
from service.inbox import Inbox
from service.metrics import open_registry
from service.modes import Mode, Pace
from service.outputs import FrameOutput, Outputs, TokenOutput
from service.problems import (
    MEDIA_TYPE,
    Invalid,
    Overloaded,
    Problem,
    Refused,
    encode,
    places_of,
    problem_of,
    problem_of_status,
)
from service.routes import Spine, generate, health, inputs, net, outputs, snapshots, stream
from service.settings import LOOPBACK, Settings
from service.snapshots import SnapshotCatalog, SnapshotDamaged
from service.snapshotter import Pulse, Snapshotter, newest_good
from service.status import Shape
from service.store import StoreError, open_store
from service.streams import Streams

_DRAIN_SECONDS = 1.5  # at a shutdown, to run what was accepted
_logger = logging.getLogger(__name__)


class CannotStart(Exception):
    """One line for the user that says what to do."""


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _living(settings) as spine:
            app.state.spine = spine
            app.state.registry = open_registry(spine.engine, spine.inbox, spine.outputs, spine.snapshotter)
            yield

    app = _Api(title="RealNet", version=version("realnet-live"), lifespan=lifespan)
    app.add_middleware(_Gate, settings=settings)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    for kind in (Refused, StoreError, Exception):
        app.add_exception_handler(kind, _answer)
    for part in (health, net, inputs, outputs, generate, snapshots, stream):
        app.include_router(part.router)
    return app


@asynccontextmanager
async def _living(settings: Settings) -> AsyncIterator[Spine]:
    try:
        store = open_store(settings.store)
    except ValueError as error:
        raise CannotStart(str(error)) from error
    try:
        catalog = SnapshotCatalog(store, settings.snapshots_kept)
        learner = await _learner(catalog, settings)
        inbox = Inbox(settings.inbox_ticks, settings.max_generations)
        ring = Outputs(settings.outputs_kept)
        pace = Pace(settings.tick_hz, settings.rest_after, settings.free_run)
        engine = Engine(learner, inbox, ring, pace, settings.idle_learning)
        snapshotter = Snapshotter(engine, catalog, settings.snapshot_every)
        streams = Streams(engine, inbox, ring, settings)
        snapshotter.on_saved.append(streams.snapshot_saved)
        engine.start()
        snapshotter.start()
        try:
            yield Spine(settings, engine, inbox, ring, catalog, snapshotter, streams, Pulse(store))
        finally:
            await _drain(engine, inbox)
            await snapshotter.stop()
            await engine.stop()
    finally:
        await store.close()


async def _learner(catalog: SnapshotCatalog, settings: Settings) -> Learner:
    """The newest good snapshot's, or a new one."""
    try:
        await catalog.sweep()
        restored = await newest_good(catalog, settings.device)
        learner = await asyncio.to_thread(_create, settings) if restored is None else restored
        await asyncio.to_thread(_warm_up, learner)
    except (StoreError, SnapshotDamaged, ValueError) as error:
        raise CannotStart(str(error)) from error
    if restored is not None:
        _check_is_as_asked_for(restored, settings)
    return learner


def _create(settings: Settings) -> Learner:
    common: dict[str, Any] = {
        "preset": settings.preset,
        "num_neurons": settings.neurons,
        "seed": settings.seed,
        "device": settings.device,
    }
    if settings.inputs is not None and settings.outputs is not None:
        return FrameLearner.create(settings.inputs, settings.outputs, **common)
    return TokenLearner.create(**common)


def _warm_up(learner: Learner) -> None:
    """Compile the kernels, which takes seconds on a new machine, before the server is ready. Nothing is learnt."""
    if isinstance(learner, TokenLearner):
        generator = learner.generator([0], 0.0, 0)
        generator.step(1)  # reads the prompt
        generator.step(1)
    else:
        frame, teacher = np.zeros((1, len(learner.net.input_ids))), np.zeros((1, len(learner.net.output_ids)))
        learner.net.fork().run(frame, teacher, 0.0)


def _check_is_as_asked_for(learner: Learner, settings: Settings) -> None:
    """What was asked for must be so; what was not is as it is in the store."""
    net, shape = learner.net, Shape.of(learner)
    inputs, outputs = (shape.inputs, shape.outputs) if shape.vocabulary is None else (None, None)
    has = {"preset": net.preset, "neurons": net.num_neurons, "inputs": inputs, "outputs": outputs}
    for name in settings.model_fields_set & has.keys():
        asked = getattr(settings, name)
        if asked is not None and asked != has[name]:
            raise CannotStart(
                f"the net in the store has {name} {has[name]}, not {asked}: ask for that, or give another store"
            )


async def _drain(engine: Engine, inbox: Inbox) -> None:
    if engine.alive and engine.status.mode is not Mode.PAUSED:
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                await inbox.emptied()
        except TimeoutError:
            pass
    if inbox.depth:
        _logger.warning("%d ticks that were accepted are not learnt", inbox.depth)


class _Api(FastAPI):
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
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
        assert self.openapi_schema is not None
        return self.openapi_schema


class _Gate:
    """Refuses a body that is too large, and what another site's page asks for in a browser."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self._is_foreign(scope, headers):
            await _response(problem_of_status(403, "the Origin is not this server"))(scope, receive, send)
        elif self._is_too_large(headers):
            await _response(self._too_large())(scope, receive, send)
        elif scope["type"] == "http":
            await self._app(scope, self._bounded(receive), send)
        else:
            await self._app(scope, receive, send)

    def _is_foreign(self, scope: Scope, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None or (scope["type"] == "http" and scope["method"] in ("GET", "HEAD", "OPTIONS")):
            return False
        try:
            parts = urlsplit(origin)
            name = parts.hostname
        except ValueError:
            return True
        # A name of somebody else's that leads here is not this server, however well both headers agree.
        return parts.netloc != headers.get("host") or not (name in LOOPBACK or self._settings.insecure)

    def _is_too_large(self, headers: Headers) -> bool:
        length = headers.get("content-length", "")
        return length.isdecimal() and int(length) > self._settings.max_body_bytes

    def _bounded(self, receive: Receive) -> Receive:
        left = self._settings.max_body_bytes

        async def receive_bounded() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, self._too_large().detail)
            return message

        return receive_bounded

    def _too_large(self) -> Problem:
        return problem_of_status(413, f"{self._settings.max_body_bytes} bytes at most")


def _response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    return Response(encode(problem), problem.status, headers, media_type=MEDIA_TYPE)


async def _answer(_: Request, error: Exception) -> Response:
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Overloaded) else None
    return _response(problem_of(error), headers)


async def _answer_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    if errors[0]["type"] == "json_invalid":
        return _response(problem_of_status(400, "the body is not JSON"))
    return _response(problem_of(Invalid(places_of(errors))))


async def _answer_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _response(problem_of_status(error.status_code, error.detail), dict(error.headers or {}))
