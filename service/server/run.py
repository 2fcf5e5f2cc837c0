"""Run the one process that owns the nets of a store."""

import asyncio
import ctypes
import gc
import logging
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from realnet.kernels import KernelLost
from service.api.error_handlers import refusal
from service.app import create_app
from service.errors import NotReady
from service.runtime.birth import CannotStart
from service.server.connections import bounded_connections
from service.server.ranks import join, work
from service.server.websockets import BoundedWebSocket
from service.server.welcome import welcome
from service.settings import Settings
from service.telemetry.logs import configure_logging, is_for_people

_logger = logging.getLogger(__name__)

_GRACE_SECONDS = 3  # for requests at a shutdown; with what follows it ends within 10 s
_OTHER_FILES = 256  # besides connections, and those of nets in memory
_FILES_OF_A_NET = 4
_LARGE_BYTES = 2**17  # a child's lines are larger
_YOUNG = 10_000  # objects, until it is looked which are garbage
_M_MMAP_THRESHOLD = -3  # of malloc.h
_SWITCH_SECONDS = 0.0005  # that the engine's thread waits for Python when the loop is busy; else ten times as long
_CUT_SECONDS = 20  # after a reader's stall that ends its stream, the system ends the connection itself


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, and end the process.

    After an orderly stop the process ends by that same signal, as uvicorn does: a shell sees 143 or 130, systemd counts
    it as success. Where it cannot start or cannot go on, it says why in one line and ends with 1.
    """
    if os.environ.get("WEB_CONCURRENCY", "1") != "1":
        sys.exit("realnet: WEB_CONCURRENCY is not 1, but more workers would be more minds: unset it")
    prepare(settings)
    try:
        ranks = join() if settings.device == "sharded" else None
        if ranks is not None and ranks.rank:
            work(ranks)
            return
        server, listener = build(settings)
    except OSError as error:
        sys.exit(f"realnet: cannot listen on {settings.host} port {settings.port}: {error.strerror or error}")
    except (CannotStart, KernelLost) as error:
        sys.exit(f"realnet: {error}")
    if ranks is not None:
        server.at_end = ranks.stop
    why = server.serve_on(listener)
    if why is not None:
        sys.exit(f"realnet: {why}")


def prepare(settings: Settings) -> None:
    """Set this process up as one that has nets."""
    configure_logging(settings.log_level, settings.log_format)
    _raise_limit_of_files(settings.max_connections + _FILES_OF_A_NET * settings.nets_hot)
    _give_large_blocks_back()
    sys.setswitchinterval(_SWITCH_SECONDS)


def build(settings: Settings, app: FastAPI | None = None) -> tuple["NetServer", socket.socket]:
    """Return a server that has not started, and the bound socket that it is to serve on.

    It serves a store's nets, unless another `app` is given. Raises OSError, and CannotStart where a library is missing.
    """
    if app is None:
        app = create_app(settings)
    config = uvicorn.Config(
        _without_tracebacks(app),
        log_config=None,
        access_log=False,  # the app has its own, which tells less of what was asked
        http=bounded_connections(settings),
        ws=BoundedWebSocket,
        lifespan="on",
        server_header=False,
        ws_max_size=settings.ws_max_bytes,
        ws_ping_timeout=None,  # a reader that stalls answers no pings, but is cut only after ws_stall_seconds
        ws_per_message_deflate=False,  # it would take more time than the net
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    listener = open_listener(settings)
    app.state.url = _url_of(listener)
    return NetServer(config, app, settings), listener


def open_listener(settings: Settings) -> socket.socket:
    """Bind a socket to the settings' host and port. Raises OSError.

    With the protocol of its address, not 0: asyncio sets TCP_NODELAY only where the protocol says TCP, and without that
    the kernel holds small messages back for some 40 ms.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.platform == "linux":  # connections inherit it
        seconds = settings.ws_stall_seconds + _CUT_SECONDS
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * seconds))
    listener.bind(address)
    return listener


def _raise_limit_of_files(files: int) -> None:
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = files + _OTHER_FILES
        if soft != resource.RLIM_INFINITY and soft < wanted:
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _give_large_blocks_back() -> None:
    """Let glibc return large blocks to the system; else it keeps those of snapshots and of nets that went cold."""
    with suppress(OSError, AttributeError, TypeError):  # where there is another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


class NetServer(uvicorn.Server):
    """Ends when the net cannot go on.

    Attributes:
        at_end: is called when all has stopped, before the process ends.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI, settings: Settings) -> None:
        super().__init__(config)
        self.at_end: Callable[[], None] = lambda: None
        self._app = app
        self._settings = settings

    def serve_on(self, listener: socket.socket) -> str | None:
        """Serve until told to end, and close the socket; return why the net could not start or go on, if so."""
        with listener:
            try:
                self.run(sockets=[listener])
            except SystemExit:  # uvicorn's, where the app has not started
                why: str | None = getattr(self._app.state, "cannot_start", None)
                if why is None:
                    raise
                return why
        return self.fate

    @property
    def fate(self) -> str | None:
        return cast(str | None, self._app.state.failure())

    async def on_tick(self, counter: int) -> bool:
        """Return whether to end; called several times a second."""
        return await super().on_tick(counter) or self.fate is not None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self.at_end()  # not later: a signal that has stopped it ends the process on its way out of uvicorn

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            _logger.info("serving on %s", _url_of(listener))
            if is_for_people(self._settings.log_format):
                print(welcome(_url_of(listener), self._settings.has_keys), file=sys.stderr)
        await self._app.state.serves()
        gc.collect()
        gc.enable()
        gc.freeze()  # a full collection would otherwise look at all of numba, for a tenth of a second
        gc.set_threshold(_YOUNG)  # a thousand nets are made of a million objects, of which hardly one is garbage


def _url_of(listener: socket.socket) -> str:
    """With the port that the system chose, where none was asked for."""
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _without_tracebacks(app: FastAPI) -> ASGIApp:
    """Wrap an application so that a failed start is told in one line, and a shutdown's cancelled requests in none."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _start_and_stop(app, scope, receive, send)
        else:
            await _answer_until_cancelled(app, scope, receive, send)

    return wrapped


async def _start_and_stop(app: FastAPI, scope: Scope, receive: Receive, send: Send) -> None:
    """Keep what CannotStart says in the app's state instead of having a traceback logged."""

    async def send_quietly(message: Message) -> None:
        if message["type"] != "lifespan.startup.failed":
            await send(message)

    try:
        await app(scope, receive, send_quietly)
    except CannotStart as error:
        app.state.cannot_start = str(error)
        await send({"type": "lifespan.startup.failed", "message": ""})


async def _answer_until_cancelled(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 503 to a request that the shutdown cancels, or break the connection off if an answer has begun."""
    has_begun = False

    async def send_and_see(message: Message) -> None:
        nonlocal has_begun
        has_begun = True
        await send(message)

    try:
        await app(scope, receive, send_and_see)
    except asyncio.CancelledError:
        if not has_begun:
            await refusal(scope, NotReady("the server is shutting down"))(scope, receive, send)
