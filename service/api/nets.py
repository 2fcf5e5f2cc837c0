"""Lead `/v1/nets/NAME/…` to the routes of `/v1/…`, with the net of this name in memory for as long as it takes."""

import re
from contextlib import AsyncExitStack
from typing import cast
from urllib.parse import urlsplit, urlunsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from service.api.access import is_of_net, scope_of
from service.api.deps import Edge
from service.api.error_handlers import refusal
from service.auth.keyring import Caller
from service.auth.keys import Scope
from service.errors import Refused
from service.nets.manifest import DEFAULT, NAME
from service.nets.registry import Nets
from service.store.base import StoreError

_PATH = re.compile(rf"/v1/nets/({NAME.pattern})(/.+)", re.DOTALL)
_OF_THE_SERVER = ("/nets", "/hive", "/cluster", "/shard")  # which no net has of its own
_WRITE = "/api/v1/write"  # Prometheus knows no other path


class NetPaths:
    """Middleware before all others, which see the path of a route, and the name of the net in the scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        found = None if scope["type"] == "lifespan" else _PATH.fullmatch(scope["path"])
        if found is None or f"{found[2]}/".startswith(tuple(f"{each}/" for each in _OF_THE_SERVER)):
            await self._app(scope, receive, send)
            return
        name, path = found.groups()
        scope["realnet.net"] = name
        scope["path"] = path if path == _WRITE else f"/v1{path}"

        async def send_located(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if (location := headers.get("location")) is not None:
                    headers["location"] = _within(name, location)
            await send(message)

        await self._app(scope, receive, send_located)


class NetWaking:
    """Middleware behind the gateway: wakes the net that a request is about, and keeps it until that is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        endpoint = scope.get("realnet.endpoint")
        if endpoint is None or scope_of(endpoint) is Scope.OPEN:
            await self._app(scope, receive, send)
            return
        nets = cast("Nets[Edge]", scope["app"].state.nets)
        name = scope.get("realnet.net", DEFAULT)
        is_of_server = "realnet.net" not in scope and not is_of_net(endpoint)
        if is_of_server or (name == DEFAULT and nets.default is not None):
            await self._app(scope, receive, send)
            return
        async with AsyncExitStack() as stack:
            try:
                scope["realnet.edge"] = await stack.enter_async_context(
                    nets.use(name, cast(Caller, scope["realnet.caller"]).name, counts=True)
                )
            except (Refused, StoreError) as error:
                await refusal(scope, error)(scope, receive, send)
            else:
                await self._app(scope, receive, send)


def _within(name: str, location: str) -> str:
    """Return where something of a net is, from where it would be of the net named default."""
    parts = urlsplit(location)
    if not parts.path.startswith("/v1/") or parts.path.startswith("/v1/nets/"):
        return location
    return urlunsplit(parts._replace(path=f"/v1/nets/{name}{parts.path.removeprefix('/v1')}"))
