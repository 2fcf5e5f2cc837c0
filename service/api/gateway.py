"""What stands in front of every route: where a request comes from, whose key it has, how large and how slow it is."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from service.api.access import largest_of, scope_of
from service.api.error_handlers import refusal, respond
from service.auth.keyring import Caller, Keyring
from service.auth.keys import Scope
from service.errors import Refused, Unauthorized, problem_of_status
from service.settings import LOOPBACK, Settings

KEY_PROTOCOL = "realnet.key."  # a subprotocol, for browsers, which give a WebSocket no headers

_SLOWEST_BODY = 2**14  # bytes a second


class Gateway:
    """`routes` are those behind it: each says what a key must allow (`needs`)."""

    def __init__(self, app: ASGIApp, settings: Settings, keyring: Keyring, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._settings = settings
        self._keyring = keyring
        self._routes = routes

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            if self._is_foreign(scope, headers):
                raise HTTPException(403, "the Origin is not this server")
            most = self._admit(scope, headers)
            length = headers.get("content-length", "")
            if length.isdecimal() and int(length) > most:
                raise _too_large(most)
        except HTTPException as error:
            await respond(problem_of_status(error.status_code, error.detail))(scope, receive, send)
        except Refused as error:
            await refusal(error)(scope, receive, send)
        else:
            await self._app(scope, self._bounded(receive, most) if scope["type"] == "http" else receive, send)

    def _is_foreign(self, scope: Connection, headers: Headers) -> bool:
        """A page of another site in a browser; and, where no key is asked for, another's name that leads here."""
        host, origin = headers.get("host"), headers.get("origin")
        named = _name_in(f"//{host}") if host is not None else "localhost"
        if not (named in LOOPBACK or self._keyring.required or self._settings.insecure):
            return True
        if origin is None or origin in self._settings.origins:
            return False
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return False
        return _name_in(origin) is None or origin.partition("://")[2] != host

    def _admit(self, scope: Connection, headers: Headers) -> int:
        """Bytes that a body may have. Raises Refused if the key forbids it; leaves who asks for what in `scope`."""
        route = self._route(scope)
        scope["realnet.route"] = getattr(route, "path", None)
        key = _key_in(scope, headers)
        caller = self._keyring.caller(key)
        endpoint = getattr(route, "endpoint", None)
        needed = Scope.READ if route is None else scope_of(endpoint)
        most = largest_of(endpoint, self._settings)
        if needed is Scope.OPEN:
            scope["realnet.caller"] = caller or Caller("anybody", Scope.OPEN)
            return most
        if caller is None:
            self._keyring.strangers.count_request()
            raise Unauthorized("send a key: `Authorization: Bearer KEY`" if key is None else "no such key")
        scope["realnet.caller"] = caller
        caller.check(needed)
        caller.count_request()
        return most

    def _route(self, scope: Connection) -> BaseRoute | None:
        """As the router behind will find it."""
        others = []
        for route in self._routes:
            match, _ = route.matches(scope)
            if match is Match.FULL:
                return route
            if match is Match.PARTIAL:
                others.append(route)
        scope["realnet.allow"] = ", ".join(sorted({method for route in others for method in route.methods}))  # type: ignore[attr-defined]
        return others[0] if others else None

    def _bounded(self, receive: Receive, most: int) -> Receive:
        left = most
        deadline: float | None = asyncio.get_running_loop().time() + self._settings.body_seconds

        async def receive_bounded() -> Message:
            nonlocal left, deadline
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the body came too slowly") from None
            size = len(message.get("body", b""))
            left -= size
            if not message.get("more_body", False):
                deadline = None  # what comes now is the client's leaving
            elif deadline is not None:
                deadline += size / _SLOWEST_BODY
            if left < 0:
                raise _too_large(most)
            return message

        return receive_bounded


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"{most} bytes at most")


def _name_in(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _key_in(scope: Connection, headers: Headers) -> str | None:
    """From the header, or of a WebSocket from a subprotocol, which nobody else gets to see."""
    key = None
    if scope["type"] == "websocket":
        offered: list[str] = scope["subprotocols"]
        key = next((name.removeprefix(KEY_PROTOCOL) for name in offered if name.startswith(KEY_PROTOCOL)), None)
        scope["subprotocols"] = [name for name in offered if not name.startswith(KEY_PROTOCOL)]
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else key
