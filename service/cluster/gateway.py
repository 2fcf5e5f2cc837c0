"""A gateway: the application of a server whose nets are in shards, to which it passes on what is about them."""

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from service.api.access import scope_of
from service.api.error_handlers import refusal, respond
from service.api.openai import chat, completions, models
from service.api.passing import Body, ClientLeft
from service.api.routes import health, hive, nets, stream
from service.app import PARTS, put_together
from service.auth.keys import Scope
from service.cluster import routes
from service.cluster.everywhere import Everywhere, name_in
from service.cluster.onward import Onward
from service.cluster.shards import RedisShards, shard_of
from service.cluster.sockets import Sockets
from service.cluster.watching import watch
from service.errors import Refused, problem_of_status
from service.nets.manifest import DEFAULT
from service.runtime.birth import CannotStart
from service.server.run import build, prepare
from service.settings import Settings
from service.store.base import StoreError
from service.telemetry.metrics import open_registry

_HERE = {health.metrics, stream.asyncapi, routes.get_cluster}  # what is about the gateway itself, or the program
_OF_MODELS = {completions.create_completion, chat.create_chat_completion}


def create_gateway_app(
    settings: Settings, shards: RedisShards, ended: Callable[[], str | None] = lambda: None
) -> FastAPI:
    """Put a gateway together that has not begun; it ends when `ended` says why. Raises CannotStart as `create_app`."""
    onward = Onward(shards, settings.nets_wait)
    sockets, everywhere = Sockets(onward), Everywhere(onward, settings)

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        app.state.everywhere, app.state.registry = everywhere, open_registry(onward.tally)
        app.state.failure = ended
        async with shards.opened():
            try:
                await shards.seen()
            except StoreError as error:
                raise CannotStart(str(error)) from error
            watching = asyncio.create_task(watch(onward, sockets), name="shards")
            try:
                yield
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
                onward.passer.close()

    parts = [*(part for part in PARTS if part is not hive), routes]
    passing = Middleware(Passing, onward=onward, sockets=sockets, everywhere=everywhere)
    return put_together(settings, living, parts, [passing])


class Passing:
    """Middleware behind the checks of keys, origins and sizes."""

    def __init__(self, app: ASGIApp, onward: Onward, sockets: Sockets, everywhere: Everywhere) -> None:
        self._app = app
        self._onward, self._sockets = onward, sockets
        self._own: dict[object, Callable[[Connection, Body, Send], Awaitable[None]]] = {
            health.readyz: everywhere.check_ready,
            nets.list_nets: everywhere.list_nets,
            nets.create_net: everywhere.create_net,
            models.list_models: everywhere.list_models,
        }

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        endpoint = scope.get("realnet.endpoint")
        if scope["type"] == "lifespan" or endpoint is None or endpoint in _HERE or scope_of(endpoint) is Scope.OPEN:
            await self._app(scope, receive, send)
            return
        try:
            if scope["type"] == "websocket":
                await self._sockets.pass_on(self._shard(_net_of(scope)), scope, receive, send)
            else:
                await self._answer(scope, endpoint, Body(scope, receive), send)
        except ClientLeft:
            pass
        except (Refused, StoreError) as error:
            await refusal(scope, error)(scope, receive, send)
        except HTTPException as error:  # of the gateway, for a body that is too large or too slow
            await respond(scope, problem_of_status(error.status_code, error.detail))(scope, receive, send)

    async def _answer(self, scope: Connection, endpoint: object, body: Body, send: Send) -> None:
        named = "realnet.net" in scope
        if (own := self._own.get(endpoint)) is not None and not named:
            await own(scope, body, send)
            return
        if endpoint in _OF_MODELS and not named:
            await body.begin(math.inf)
            shard = self._shard(name_in(body.read, "model") or DEFAULT)
        else:
            await body.begin()
            shard = self._shard(_net_of(scope))
        await self._onward.pass_on(shard, scope, body, send)

    def _shard(self, net: str) -> int:
        return shard_of(net, self._onward.shards.count)


def _net_of(scope: Connection) -> str:
    """Return the name of the net that a request is about."""
    if (name := scope.get("realnet.net")) is not None:
        return str(name)
    for folder in ("/v1/nets/", "/v1/models/"):
        if scope["path"].startswith(folder):
            return str(scope["path"].removeprefix(folder))
    return DEFAULT


def serve_gateway(settings: Settings, ended: Callable[[], str | None], at_end: Callable[[], None]) -> None:
    """Serve a gateway until SIGTERM or SIGINT, or until `ended` says why it cannot go on; as `service.server.run.run`.

    `at_end` is called before the process ends, in whatever way.
    """
    prepare(settings)
    try:
        shards = RedisShards(settings.store, settings.cluster_shards, settings.nets_wait)
        server, listener = build(settings, create_gateway_app(settings, shards, ended))
    except OSError as error:
        at_end()
        sys.exit(f"realnet: cannot listen on {settings.host} port {settings.port}: {error.strerror or error}")
    server.at_end = at_end
    if (why := server.serve_on(listener)) is not None:
        at_end()
        sys.exit(f"realnet: {why}")


if __name__ == "__main__":
    serve_gateway(Settings(), lambda: None, lambda: None)
