"""What routes depend on: the net's parts, the caller, pages and declared problems."""

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
from service.runtime.runtime import Runtime
from service.settings import Settings


@dataclass(slots=True, frozen=True)
class Spine:
    """The handles that routes hold: the live net, and what stands between it and its clients."""

    settings: Settings
    runtime: Runtime
    streams: StreamHub
    keys: IdempotencyKeys
    uploads: Uploads

    def net(self) -> Net:
        runtime = self.runtime
        return Net.of(runtime.name, runtime.status, runtime.interface, runtime.inbox.depth)


def spine_of(connection: HTTPConnection) -> Spine:
    """For a request and for a WebSocket."""
    return cast(Spine, connection.app.state.spine)


def caller_of(connection: HTTPConnection) -> Caller:
    """Whom the gate has let in."""
    return cast(Caller, connection.scope["realnet.caller"])


Handles: TypeAlias = Annotated[Spine, Depends(spine_of)]
Calling: TypeAlias = Annotated[Caller, Depends(caller_of)]


def takes_json(request: Request) -> None:
    """A browser sends no other site's JSON without asking first, and it asks in vain."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "send application/json")


TAKES_JSON = Depends(takes_json)


def page_of(left: Sequence[Any], limit: int) -> dict[str, Any]:
    """The fields of a list: the first `limit` of what is left, and from which `id` on there is more."""
    has_more = len(left) > limit
    return {"data": left[:limit], "has_more": has_more, "next": left[limit - 1].id if has_more else None}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declares that a route may answer with these."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": "A problem", "content": content} for status in statuses}
