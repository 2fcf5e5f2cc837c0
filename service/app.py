"""The one place that knows every part: it puts them together, and starts and stops them in order."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from types import ModuleType
from typing import TypeAlias

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from service.api.access import needs
from service.api.deps import Edge
from service.api.edge_metrics import EdgesCollector
from service.api.error_handlers import add_error_handlers
from service.api.forwarding import Forwarding
from service.api.gateway import Gateway
from service.api.nets import NetPaths, NetWaking
from service.api.openai import chat, completions, models
from service.api.openapi import DESCRIPTION, Api
from service.api.opening import NetOpener
from service.api.quick_inputs import QuickInputs
from service.api.request_log import RequestLog
from service.api.routes import (
    about,
    children,
    datasets,
    daydream,
    generate,
    health,
    hive,
    hooks,
    incoming,
    inputs,
    jobs,
    journal,
    links,
    merges,
    net,
    nets,
    opinions,
    outputs,
    page,
    sessions,
    snapshots,
    stream,
    streams,
    takeovers,
    watch,
)
from service.auth.keyring import Keyring
from service.auth.keys import KeysError, Scope
from service.nets.manifest import DEFAULT
from service.nets.registry import Nets
from service.nets.tally import NetsCollector
from service.runtime.birth import CannotStart
from service.runtime.hive import Hive, leads_if_free
from service.runtime.open_store import opened_store
from service.runtime.runtime import Runtime
from service.settings import Settings
from service.store.base import StoreError
from service.store.own_keys import OwnKeys
from service.telemetry.metrics import open_registry
from service.telemetry.traces import trace_requests

PARTS = (  # whose routes are tried in turn: a stream is what most clients of many nets open
    *(stream, page, health, hive, nets, net, about, watch, inputs, outputs, sessions, generate, datasets, jobs),
    *(daydream, snapshots, journal, takeovers, merges, children, links, hooks, opinions, streams, incoming),
    *(models, completions, chat),
)

Living: TypeAlias = Callable[[FastAPI, Settings], AbstractAsyncContextManager[Nets[Edge]]]


def create_app(settings: Settings, living: Living | None = None, parts: Sequence[ModuleType] = PARTS) -> FastAPI:
    """Put the application of a server that has nets together. Raises CannotStart where it lacks what it is asked for.

    It has the nets of a store, with `default` always in memory, unless another way of `living` is given.
    """
    living = living or _living

    @asynccontextmanager
    async def having_nets(app: FastAPI) -> AsyncIterator[None]:
        async with living(app, settings) as nets:
            app.state.edge, app.state.nets = nets.default, nets
            app.state.failure = lambda: nets.failure
            app.state.registry = open_registry(EdgesCollector(lambda: nets.edges), NetsCollector(lambda: nets.counts))
            yield

    inside = [Middleware(QuickInputs), Middleware(NetWaking)]
    if settings.follow is not None:
        inside.append(Middleware(Forwarding))
    return put_together(settings, having_nets, parts, inside)


def put_together(
    settings: Settings,
    having: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    parts: Sequence[ModuleType],
    inside: Sequence[Middleware],
) -> FastAPI:
    """Put an application together that has not begun, with the routes of these parts.

    It runs `having` what it is about. Behind the gateway's checks stand the middlewares `inside`, the innermost first.
    """
    keyring = Keyring(settings.api_key, settings.keys_file, settings.rate_requests, settings.rate_ticks)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _following(keyring), having(app):
            yield
        await asyncio.to_thread(end_traces)

    app = Api(
        title="RealNet",
        version=version("realnet-live"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # FastAPI's own: it would tell queries, too
    )
    for route in app.routes:  # FastAPI's own: the document, which tells of the program and nothing of the net
        needs(Scope.OPEN)(route.endpoint)  # type: ignore[attr-defined]
    guarded = [*app.routes, *(route for part in parts for route in part.router.routes)]
    app.guarded, app.keys_required = guarded, keyring.required
    for each in inside:
        app.add_middleware(each.cls, *each.args, **each.kwargs)
    app.add_middleware(Gateway, settings=settings, keyring=keyring, routes=guarded)
    if settings.origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.origins, allow_methods=["*"], allow_headers=["*"])
    app.add_middleware(RequestLog)
    add_error_handlers(app)
    app.state.settings = settings
    app.state.shares = lambda: keyring.limits
    app.state.url = ""  # once somebody listens, where that is
    app.state.serves = _nothing_else  # is awaited then
    for part in parts:
        app.include_router(part.router)
    end_traces = _traced(app) if settings.traces else _nothing
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: NetPaths(build())  # type: ignore[method-assign]
    return app


def _traced(app: FastAPI) -> Callable[[], None]:
    try:
        return trace_requests(app)
    except ModuleNotFoundError as error:
        why = "traces need OpenTelemetry, which is not installed here: pip install 'realnet-live[otel]'"
        raise CannotStart(why) from error


def _nothing() -> None:
    """Do nothing."""


async def _nothing_else() -> None:
    """Do nothing."""


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
async def _living(app: FastAPI, settings: Settings) -> AsyncIterator[Nets[Edge]]:
    follows = settings.follow is not None
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(opened_store(settings.place, not follows))
        follows = follows and not (settings.standby and await leads_if_free(place))
        opener = NetOpener(place, settings)

        def servers_of(runtime: Runtime) -> Hive:
            return Hive(runtime, place, settings, settings.advertise or str(app.state.url))

        closing = await stack.enter_async_context(AsyncExitStack())  # of all nets at once
        # Who follows sees what another server puts; and to list a directory costs nothing.
        store = None if follows or place.directory is not None else OwnKeys(place.store, f"{DEFAULT}/")
        edge = await stack.enter_async_context(opener.opened(DEFAULT, settings, servers_of, follows, store))
        living = Nets(
            place,
            settings,
            edge,
            lambda name, own, store, descent: opener.opened(
                name, own, lambda _: edge.hive, store=store, descent=descent
            ),
            lambda: edge.hive.leads,
            shares=app.state.shares,
        )
        closing.push_async_callback(living.close)
        stack.callback(living.begin_to_close)
        try:
            await living.load()
        except StoreError as error:
            raise CannotStart(str(error)) from error
        await edge.hive.start()
        stack.push_async_callback(edge.hive.stop)
        yield living
