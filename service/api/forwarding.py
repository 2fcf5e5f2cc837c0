"""Send what would change the net to the server that leads, and give its answer back."""

from typing import cast

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from service.api.access import is_here, scope_of
from service.api.deps import Edge
from service.api.error_handlers import refusal, respond
from service.api.gateway import FORWARDED
from service.api.passing import Body, Broken, Passer
from service.auth.keys import Scope
from service.errors import Follows, LeaderGone, NotReady, Refused, problem_of_status

_PATIENCE = 300.0  # seconds for the leader to say something


class Forwarding:
    """Middleware of a server that follows, behind the gateway: what needs more than the scope `read` is the leader's.

    While the net is not the leader's (its hash differed) nothing is answered but what is about this server.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._passer = Passer(_PATIENCE)

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        endpoint = scope.get("realnet.endpoint")
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                self._passer.close()
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
        try:
            await self._passer.pass_on(leader, scope, Body(scope, receive), send, [(FORWARDED.encode(), b"1")])
        except Broken as error:
            raise LeaderGone(f"the leader at {leader} does not answer ({error})") from error
