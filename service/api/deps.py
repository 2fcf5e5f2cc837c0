"""What routes depend on: the live net, the caller, pages of lists, and declared problems."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, cast

from fastapi import Depends, HTTPException, Request
from starlette.requests import HTTPConnection

from service.api.idempotency import IdempotencyKeys
from service.api.schemas import Net
from service.api.stream.hub import StreamHub
from service.api.uploads import Uploads
from service.auth.keyring import Caller
from service.errors import MEDIA_TYPE
from service.hooks.hooks import Hooks
from service.nets.registry import Nets
from service.runtime.hive import Hive
from service.runtime.incoming import Incoming
from service.runtime.runtime import Runtime
from service.settings import Settings


@dataclass(slots=True, frozen=True)
class Edge:
    """What stands between the live net and its clients; made with the app, and gone before the net stops."""

    settings: Settings
    runtime: Runtime
    hub: StreamHub
    idempotency_keys: IdempotencyKeys
    uploads: Uploads
    hive: Hive
    hooks: Hooks
    incoming: Incoming

    @property
    def is_busy(self) -> bool:
        """Return whether the net has something to do, or to send, that no request waits for."""
        return self.runtime.is_busy or bool(self.hooks.deliveries) or bool(self.incoming.places.taken)

    def end(self, why: str) -> None:
        """Have all streams end."""
        self.hub.end(why)


def edge_of(connection: HTTPConnection) -> Edge:
    """Return the edge of the net that a request, or a WebSocket, is about."""
    return cast(Edge, connection.scope.get("realnet.edge") or connection.app.state.edge)


def nets_of(connection: HTTPConnection) -> Nets[Edge]:
    """Return all nets of this server."""
    return cast("Nets[Edge]", connection.app.state.nets)


def caller_of(connection: HTTPConnection) -> Caller:
    """Return the caller whom the gateway has let in."""
    return cast(Caller, connection.scope["realnet.caller"])


# A dependency that is no coroutine is called in another thread, for each request: that costs more than all of them do.


async def _edge(connection: HTTPConnection) -> Edge:
    return edge_of(connection)


async def _runtime(connection: HTTPConnection) -> Runtime:
    return edge_of(connection).runtime


async def _nets(connection: HTTPConnection) -> Nets[Edge]:
    return nets_of(connection)


async def _settings(connection: HTTPConnection) -> Settings:
    return cast(Settings, connection.app.state.settings)


async def _caller(connection: HTTPConnection) -> Caller:
    return caller_of(connection)


EdgeDep: TypeAlias = Annotated[Edge, Depends(_edge)]
RuntimeDep: TypeAlias = Annotated[Runtime, Depends(_runtime)]
SettingsDep: TypeAlias = Annotated[Settings, Depends(_settings)]
NetsDep: TypeAlias = Annotated[Nets[Edge], Depends(_nets)]
CallerDep: TypeAlias = Annotated[Caller, Depends(_caller)]


def net_of(runtime: Runtime) -> Net:
    """Return the net as GET /v1/net does."""
    return Net.of(runtime)


async def takes_json(request: Request) -> None:
    """Refuse a body that is not JSON: without asking first, a browser sends no JSON for another site's page."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "send application/json")


TAKES_JSON = Depends(takes_json)


def page_of(left: Sequence[Any], limit: int) -> dict[str, Any]:
    """Return the fields of a list: the first `limit` of what is left, and the `id` after which there is more."""
    has_more = len(left) > limit
    return {"data": left[:limit], "has_more": has_more, "next": left[limit - 1].id if has_more else None}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare for OpenAPI that a route may answer with these statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": "A problem", "content": content} for status in statuses}
