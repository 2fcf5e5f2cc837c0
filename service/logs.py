"""One line for each thing that happens: JSON for machines, plain for a terminal. No text of anybody's, no keys."""

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.modes import Mode

Form = Literal["auto", "json", "text"]

_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})  # asked for every few seconds
_UVICORNS = (
    '%s - "WebSocket',
    "connection open",
    "connection closed",
    "ASGI callable returned without completing",  # said of every handshake that was refused
    "Invalid UTF-8 sequence",  # a client's fault, with a traceback
    "Invalid HTTP request",
)
_logger = logging.getLogger("service.requests")


def say(logger: logging.Logger, level: int, event: str, **fields: object) -> None:
    """Log what has happened, with what there is to know about it."""
    if logger.isEnabledFor(level):
        logger.log(level, event, extra={"fields": fields})


def open_log(level: str, form: Form) -> None:
    """To stderr; `auto` is JSON unless that is a terminal."""
    handler = logging.StreamHandler(sys.stderr)
    is_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    handler.setFormatter(_Plain("%(asctime)s %(levelname)s %(name)s: %(message)s") if is_text else _Json())
    handler.addFilter(_without_addresses)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of what is answered with 400


def say_mode(mode: Mode) -> None:
    """A net wakes and rests at every pause of its clients: that is said only to those who look closely."""
    is_often = mode in (Mode.AWAKE, Mode.RESTING)
    say(logging.getLogger("service.engine"), logging.DEBUG if is_often else logging.INFO, "mode", mode=mode.value)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class _Plain(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        return " ".join([super().formatMessage(record), *(f"{name}={value}" for name, value in fields.items())])


def _without_addresses(record: logging.LogRecord) -> bool:
    """uvicorn says what a WebSocket was asked with, `?client_id=` and all, and what any stranger makes it say."""
    return not (record.name == "uvicorn.error" and str(record.msg).startswith(_UVICORNS))


class RequestLog:
    """A line for every request when it has been answered, and for every WebSocket when it has ended."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 499  # the client has left before there was any

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
            say(
                _logger,
                logging.DEBUG if route in _QUIET and status < 400 else logging.INFO,
                "request",
                method=scope.get("method", "WEBSOCKET"),
                route=route,  # of what was asked, only what is a name of this server's
                status=status,
                ms=round(1000 * (time.perf_counter() - started), 1),
                key=None if caller is None else caller.name,
                client=scope["client"][0] if scope.get("client") else None,
            )
