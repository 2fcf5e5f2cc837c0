"""Send what would change the net to the server that leads, and give its answer back."""

import logging
from collections.abc import AsyncIterator
from typing import cast

import httpx
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from service.api.access import is_here, scope_of
from service.api.deps import Edge
from service.api.error_handlers import refusal, respond
from service.api.gateway import FORWARDED
from service.auth.keys import Scope
from service.errors import Follows, LeaderGone, NotReady, Refused, problem_of_status
from service.peers import tls

_logger = logging.getLogger(__name__)
_TIMES = httpx.Timeout(300.0, connect=2.0)
_OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "date", "server"}
# A page's origin was checked here, where it asked; the leader would compare it with its own address.
_NOT_SENT = _OF_THE_CONNECTION | {"host", "origin", "expect"}


class Forwarding:
    """Middleware of a server that follows, behind the gateway: what needs more than the scope `read` is the leader's.

    While the net is not the leader's (its hash differed) nothing is answered but what is about this server.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        limits = httpx.Limits(max_connections=None)
        self._client = httpx.AsyncClient(verify=tls(), timeout=_TIMES, trust_env=False, limits=limits)

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        endpoint = scope.get("realnet.endpoint")
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                await self._client.aclose()
            return
        edge = cast(Edge, scope["app"].state.edge)
        if endpoint is None or is_here(endpoint) or scope_of(endpoint) is Scope.OPEN or edge.hive.leads:
            await self._app(scope, receive, send)
            return
        try:
            if edge.runtime.engine.difference is not None:
                raise NotReady(edge.runtime.inbox.why_not)
            if scope["type"] == "websocket" or scope_of(endpoint) is Scope.READ:
                await self._app(scope, receive, send)
            else:
                await self._forward(edge, scope, receive, send)
        except Refused as error:
            await refusal(scope, error)(scope, receive, send)
        except HTTPException as error:  # of the gateway, for a body that is too large or too slow
            await respond(scope, problem_of_status(error.status_code, error.detail))(scope, receive, send)

    async def _forward(self, edge: Edge, scope: Connection, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        leader = edge.hive.leader
        if FORWARDED in headers or edge.hive.read_only:
            where = "whose URL is not known" if leader is None else f"at {leader}"
            raise Follows(f"this server only reads, and follows the leader {where}: send it there")
        if leader is None:
            raise LeaderGone("nobody leads, as far as this server has heard")
        query = scope["query_string"].decode("latin-1")
        has_body = "content-length" in headers or "transfer-encoding" in headers
        request = self._client.build_request(
            scope["method"],
            leader + scope["raw_path"].decode("latin-1") + (f"?{query}" if query else ""),
            headers=[(name, value) for name, value in headers.items() if name not in _NOT_SENT] + [(FORWARDED, "1")],
            content=_body(receive) if has_body else None,
        )
        try:
            answer = await self._client.send(request, stream=True)
        except httpx.TransportError as error:
            raise LeaderGone(f"the leader at {leader} does not answer ({type(error).__name__})") from error
        try:
            await send(_start(answer))
            async for data in answer.aiter_raw():
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except httpx.TransportError:  # so the answer is broken off here, too
            _logger.warning("the leader at %s has broken an answer off", leader)
        finally:
            await answer.aclose()


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise httpx.WriteError("the client has left")
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


def _start(answer: httpx.Response) -> Message:
    headers = [(name.lower(), value) for name, value in answer.headers.raw]
    kept = [(name, value) for name, value in headers if name.decode() not in _OF_THE_CONNECTION]
    return {"type": "http.response.start", "status": answer.status_code, "headers": kept}
