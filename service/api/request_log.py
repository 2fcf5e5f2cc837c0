"""Log a line for every request and every WebSocket."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.telemetry.logs import log_event

_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})  # asked for every few seconds
_logger = logging.getLogger("service.requests")


class RequestLog:
    """Logs every request when it has been answered, and every WebSocket when it has ended."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 499  # if the client leaves before there is an answer

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self._app(scope, receive, send_and_see)
        except Exception:
            status = 500
            raise
        finally:
            route = scope.get("realnet.route")
            caller = scope.get("realnet.caller")
            edge = scope.get("realnet.edge")  # of another net than the one named default
            log_event(
                _logger,
                logging.DEBUG if route in _QUIET and status < 400 else logging.INFO,
                "request",
                method=scope.get("method", "WEBSOCKET"),
                route=route,  # of what was asked, only what is a name of this server's
                status=status,
                ms=round(1000 * (time.perf_counter() - started), 1),
                key=None if caller is None else caller.name,
                client=scope["client"][0] if scope.get("client") else None,
                **({} if edge is None else {"net": edge.runtime.name}),
            )
