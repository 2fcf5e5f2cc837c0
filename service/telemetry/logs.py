"""One line for each thing that happens: JSON for machines, plain for a terminal. No text of anybody's, no keys."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

from service.engine.pace import Mode

Form = Literal["auto", "json", "text"]
_UVICORNS = (
    '%s - "WebSocket',
    "connection open",
    "connection closed",
    "ASGI callable returned without completing",  # said of every handshake that was refused
    "Invalid UTF-8 sequence",  # a client's fault, with a traceback
    "Invalid HTTP request",
    "Application startup failed",  # the process ends with a line that says why
)
NET: ContextVar[str | None] = ContextVar("net", default=None)  # whose lines these are, where there are several
_NEWS_TO_NOBODY = ("Started server process", "Waiting for application", "Application startup", "Application shutdown")


def log_event(logger: logging.Logger, level: int, event: str, **fields: object) -> None:
    """Log what has happened, with what there is to know about it."""
    if logger.isEnabledFor(level):
        logger.log(level, event, extra={"fields": fields})


def configure_logging(level: str, form: Form) -> None:
    """Log to stderr; `auto` is JSON unless that is a terminal."""
    handler = formatted(logging.StreamHandler(sys.stderr), is_text=form == "text")
    if is_for_people(form):
        handler.setFormatter(_Short("%(asctime)s  %(message)s", "%H:%M:%S"))
        handler.addFilter(lambda record: not str(record.msg).startswith(_NEWS_TO_NOBODY))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of what is answered with 400
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells the whole URL of every request, with what is secret


def is_for_people(form: Form) -> bool:
    return form == "auto" and sys.stderr.isatty()


def formatted(handler: logging.Handler, is_text: bool) -> logging.Handler:
    """Make a handler write the server's lines, plain or as JSON, and return it."""
    handler.setFormatter(_Plain("%(asctime)s %(levelname)s %(name)s: %(message)s") if is_text else _Json())
    handler.addFilter(_without_addresses)
    handler.addFilter(_with_net)
    return handler


def log_mode(mode: Mode) -> None:
    """Log a new mode. Waking and resting, which happen at every pause of clients, are for the level `debug`."""
    is_often = mode in (Mode.AWAKE, Mode.RESTING)
    log_event(logging.getLogger("service.engine"), logging.DEBUG if is_often else logging.INFO, "mode", mode=mode.value)


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


class _Short(_Plain):
    """A time and what has happened; the level only of what is wrong."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = super().formatMessage(record)
        return f"{line} ({record.levelname.lower()})" if record.levelno >= logging.WARNING else line


def _without_addresses(record: logging.LogRecord) -> bool:
    """Leave out the lines of uvicorn that repeat an address with its `?client_id=`, or a stranger's nonsense."""
    return not (record.name == "uvicorn.error" and str(record.msg).startswith(_UVICORNS))


def _with_net(record: logging.LogRecord) -> bool:
    """Say which net a line is about, where it is none of the server's own."""
    if (net := NET.get()) is not None:
        record.fields = {"net": net} | getattr(record, "fields", {})
    return True
