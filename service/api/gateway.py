"""The gateway in front of every route: where a request comes from, its key, the size and pace of its body."""

import asyncio
import re
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from service.api.access import is_of_net, largest_of, scope_of
from service.api.error_handlers import refusal, respond
from service.auth.keyring import Caller, Keyring
from service.auth.keys import Scope
from service.errors import Refused, Unauthorized, problem_of_status
from service.nets.manifest import DEFAULT
from service.settings import LOOPBACK, Settings

FORWARDED = "realnet-forwarded"  # a header of what one server sends another: it goes no further
KEY_PROTOCOL = "realnet.key."  # a subprotocol, for browsers, which give a WebSocket no headers

_SLOWEST_BODY = 2**14  # bytes a second
_ADDRESS = re.compile(r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{0,5})?")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")


class Gateway:
    """Middleware that refuses what no route is to see. Each of the `routes` declares the scope it needs (`needs`)."""

    def __init__(self, app: ASGIApp, settings: Settings, keyring: Keyring, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._settings = settings
        self._keyring = keyring
        self._routes = routes
        # Most paths have no names in them: these routes have such a path, or one that it is, too, in their order.
        self._of_path = {
            path: [route for route in routes if route.path_regex.match(path)]  # type: ignore[attr-defined]
            for path in (route.path for route in routes)  # type: ignore[attr-defined]
            if "{" not in path
        }

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._check_origin(scope, headers, _host_of(scope, headers))
            most = self._admit(scope, headers)
            length = headers.get("content-length", "")
            if length.isdecimal() and int(length) > most:
                raise _too_large(most)
        except HTTPException as error:
            await respond(scope, problem_of_status(error.status_code, error.detail))(scope, receive, send)
        except Refused as error:
            await refusal(scope, error)(scope, receive, send)
        else:
            await self._app(scope, self._bounded(receive, most) if scope["type"] == "http" else receive, send)

    def _check_origin(self, scope: Connection, headers: Headers, host: str | None) -> None:
        """Refuse pages of other sites, and without keys also names of other sites that lead here (DNS rebinding).

        Raises HTTPException.
        """
        is_open = self._keyring.required or self._settings.insecure
        if host is not None and not is_open and _name_in(host) not in LOOPBACK:
            raise HTTPException(403, "the Host is not localhost, and without keys no other name is answered")
        origin = headers.get("origin")
        if origin is None or origin in self._settings.origins:
            return
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return
        scheme = _SCHEME.match(origin)
        if scheme is None or origin[scheme.end() :] != host:
            raise HTTPException(403, "the Origin is another site, which REALNET_ORIGINS does not name")

    def _admit(self, scope: Connection, headers: Headers) -> int:
        """Return how many bytes the body may have, and leave the caller and the route in `scope`.

        Raises Unauthorized, Forbidden or Limited for what the key does not allow.
        """
        route = self._route(scope)
        scope["realnet.route"] = getattr(route, "path", None)
        key = scope["realnet.key"] = _key_in(scope, headers)
        caller = self._keyring.caller(key)
        endpoint = scope["realnet.endpoint"] = getattr(route, "endpoint", None)
        needed = Scope.READ if route is None else scope_of(endpoint)
        most = largest_of(endpoint, self._settings)
        if needed is Scope.OPEN:
            if caller is None and key is not None:
                self._keyring.strangers.count_request()  # a guess, as anywhere else
            scope["realnet.caller"] = caller or Caller("anybody", Scope.OPEN)
            return most
        if caller is None:
            self._keyring.strangers.count_request()
            raise Unauthorized("send a key: `Authorization: Bearer KEY`" if key is None else "no such key")
        scope["realnet.caller"] = caller
        caller.check(needed)
        if "realnet.net" in scope or (route is not None and is_of_net(endpoint)):
            caller.check_net(scope.get("realnet.net", DEFAULT))  # before anybody looks whether there is one
        caller.count_request()
        return most

    def _route(self, scope: Connection) -> BaseRoute | None:
        """Return the route that the router behind will choose; of several for other methods, the first."""
        others = []
        for route in self._of_path.get(scope["path"], self._routes):
            match, _ = route.matches(scope)
            if match is Match.FULL:
                return route
            if match is Match.PARTIAL:
                others.append(route)
        scope["realnet.allow"] = ", ".join(sorted({method for route in others for method in route.methods}))  # type: ignore[attr-defined]
        return others[0] if others else None

    def _bounded(self, receive: Receive, most: int) -> Receive:
        """Return a `receive` that raises HTTPException 413 after `most` bytes, and 408 for a body that is too slow."""
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


def _host_of(scope: Connection, headers: Headers) -> str | None:
    """Return the Host, None where HTTP/1.0 has none. Raises HTTPException for none, two, or one that is no address."""
    given = [host.strip(" \t") for host in headers.getlist("host")]
    if not given and scope.get("http_version") == "1.0":
        return None
    if len(given) != 1 or _ADDRESS.fullmatch(given[0]) is None:
        raise HTTPException(400, "send one Host, a name or an address with or without a port")
    return given[0]


def _name_in(host: str) -> str:
    """Return the name or address in a Host, without its port and brackets."""
    address = _ADDRESS.fullmatch(host)
    assert address is not None, "_host_of has checked it"
    return address["name"].strip("[]").lower()


def _key_in(scope: Connection, headers: Headers) -> str | None:
    """Return the key in the Authorization header, or in a WebSocket's subprotocols, from which it is removed."""
    key = None
    if scope["type"] == "websocket":
        offered: list[str] = scope["subprotocols"]
        key = next((name.removeprefix(KEY_PROTOCOL) for name in offered if name.startswith(KEY_PROTOCOL)), None)
        scope["subprotocols"] = [name for name in offered if not name.startswith(KEY_PROTOCOL)]
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else key
