"""Runs the one process that owns the one net."""

import ctypes
import gc
import os
import socket
import sys
from contextlib import suppress
from typing import cast

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.deps import Spine
from service.app import create_app
from service.runtime.birth import CannotStart
from service.server.connections import bounded_connections
from service.settings import Settings
from service.telemetry.logs import configure_logging

_GRACE_SECONDS = 3  # for requests at a shutdown; with what follows it ends within 10 s
_OTHER_FILES = 256  # besides connections
_LARGE_BYTES = 2**20
_M_MMAP_THRESHOLD = -3  # of malloc.h
_SWITCH_SECONDS = 0.0005  # that the engine's thread waits for Python when the loop is busy; else ten times as long
_CUT_SECONDS = 20  # after a reader's stall that ends its stream, the system ends the connection itself


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Ends the process with one line on stderr if it cannot start, or cannot go on."""
    if os.environ.get("WEB_CONCURRENCY", "1") != "1":
        sys.exit("error: WEB_CONCURRENCY is not 1, but more workers would be more minds: unset it")
    configure_logging(settings.log_level, settings.log_format)
    _raise_limit_of_files(settings.max_connections)
    _give_large_blocks_back()
    sys.setswitchinterval(_SWITCH_SECONDS)
    app = create_app(settings)
    config = uvicorn.Config(
        _saying_why_in_one_line(app),
        log_config=None,
        access_log=False,  # the app has its own, which tells less of what was asked
        http=bounded_connections(settings),
        lifespan="on",
        server_header=False,
        ws_max_size=settings.ws_max_bytes,
        ws_ping_timeout=None,  # a reader that stalls answers no pings, but is cut only after ws_stall_seconds
        ws_per_message_deflate=False,  # it would take more time than the net
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    try:
        listener = _listen(settings)
    except OSError as error:
        sys.exit(f"error: cannot listen on {settings.host} port {settings.port}: {error.strerror or error}")
    with listener:
        server = _Server(config, app)
        server.run(sockets=[listener])
    if server.fate is not None:
        sys.exit(f"error: {server.fate}")


def _raise_limit_of_files(connections: int) -> None:
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = connections + _OTHER_FILES
        if soft != resource.RLIM_INFINITY and soft < wanted:
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _give_large_blocks_back() -> None:
    """By the first snapshot that is freed, glibc learns to keep blocks of that size, for each thread: 200 MB in all."""
    with suppress(OSError, AttributeError, TypeError):  # where there is another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    @property
    def fate(self) -> str | None:
        return cast(Spine, self._app.state.spine).runtime.failure

    async def on_tick(self, counter: int) -> bool:
        """Several times a second. Whether it is to end."""
        return await super().on_tick(counter) or self.fate is not None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.collect()
        gc.freeze()  # a full collection would otherwise look at all of numba, for a tenth of a second


def _listen(settings: Settings) -> socket.socket:
    family, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.platform == "linux":  # connections inherit it
        seconds = settings.ws_stall_seconds + _CUT_SECONDS
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * seconds))
    listener.bind(address)
    return listener


def _saying_why_in_one_line(app: ASGIApp) -> ASGIApp:
    """What CannotStart says instead of the traceback."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return

        async def send_quietly(message: Message) -> None:
            if message["type"] != "lifespan.startup.failed":
                await send(message)

        try:
            await app(scope, receive, send_quietly)
        except CannotStart as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})

    return wrapped
