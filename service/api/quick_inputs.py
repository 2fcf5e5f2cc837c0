"""Take inputs that are right on the way to their route, which would take most of their time to see that they are."""

from collections.abc import Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from realnet.outputs import LEVELS, Level
from service.api.deps import caller_of, edge_of
from service.api.error_handlers import refusal, respond
from service.api.long_texts import with_tokens
from service.api.routes.inputs import check_is_run, live, post_inputs
from service.api.typed_input import JsonBody
from service.errors import Refused, problem_of_status
from service.store.base import StoreError

_decode = msgspec.json.Decoder(JsonBody).decode
_MOST_KEY = 128  # characters
# As they are usually written; the route reads any other.
_QUERIES: Mapping[bytes, tuple[bool, Level]] = {
    b"": (False, "full"),
    b"wait=false": (False, "full"),
    b"wait=true": (True, "full"),
    **{f"wait=true&outputs={level}".encode(): (True, level) for level in LEVELS},
    **{f"outputs={level}&wait=true".encode(): (True, level) for level in LEVELS},
}


class QuickInputs:
    """Middleware before the router: answers an input that came in one piece, and is all that it should be.

    Whatever is not is the route's, which says what is wrong with it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope.get("realnet.endpoint") is not post_inputs or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        come: list[Message] = []
        try:
            come.append(await receive())
            answer = await _answer(scope, come[0])
        except (Refused, StoreError) as error:
            answer = refusal(scope, error)
        except HTTPException as error:  # of the gateway, for a body that is too large or too slow
            answer = respond(scope, problem_of_status(error.status_code, error.detail))

        async def receive_again() -> Message:
            return come.pop() if come else await receive()

        if answer is None:
            await self._app(scope, receive_again, send)
        else:
            await answer(scope, receive_again, send)


async def _answer(scope: Connection, message: Message) -> Response | None:
    """Have an input lived through, and return the answer; None where the route is to judge it. Raises Refused."""
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    keys = [value for name, value in scope["headers"] if name == b"idempotency-key"]
    asked = _QUERIES.get(scope["query_string"])
    if asked is None or kinds != [b"application/json"] or message.get("more_body", False):
        return None
    if len(keys) > 1 or (keys and not 0 < len(keys[0]) <= _MOST_KEY):
        return None
    try:
        body = _decode(message.get("body", b""))
    except (ValueError, RecursionError):
        return None
    if body.frames is not None:  # which a schema has to see before they are rounded
        return None
    connection = HTTPConnection(scope)
    edge, caller = edge_of(connection), caller_of(connection)
    interface, most = edge.runtime.interface, edge.settings.max_ticks_per_request
    given = await with_tokens(lambda: body.parsed(interface, most), body.text, interface)
    if given is None:
        return None
    wait, level = asked
    if wait:
        check_is_run(edge.runtime)
    key = keys[0].decode("latin-1") if keys else None
    label = body.label or caller.label
    return await live(edge, caller, given, body.learn, label, body.session, level if wait else None, key)
