"""Shake hands for a stream; the gateway has checked its key and where it comes from."""

from contextlib import ExitStack

from fastapi import APIRouter, Response, WebSocket
from fastapi.responses import JSONResponse

from realnet.outputs import LEVELS, Level
from service.api.access import needs
from service.api.deps import caller_of, edge_of
from service.api.stream.asyncapi import asyncapi_document
from service.api.stream.protocol import CODECS, JSON
from service.auth.keys import Scope
from service.errors import MEDIA_TYPE, ErrorLocation, Invalid, Refused, encode_problem, problem_of
from service.validation import check_session

router = APIRouter()

_CLIENT_ID_LENGTH = 128


@router.websocket("/v1/stream")
@needs(Scope.READ)
async def stream(socket: WebSocket) -> None:
    """Open a stream. With `?client_id=NAME` it goes on after that client's last acknowledged `seq`.

    Each key has client ids of its own. The message `input` needs the scope teach. `?outputs=` says which outputs are
    sent until `subscribe` changes it: none, surprise, best (unless it says something else) or full. With `?watch=true`
    they are samples, up to 20 messages a second of up to 256 outputs or so, and `watch` tells what goes on. With
    `?session=NAME` all is of that session: the inputs and generations that name no other, and the outputs.
    """
    streams = edge_of(socket).hub
    client_id = socket.query_params.get("client_id")
    asked = socket.query_params.get("outputs", "best")
    offered: list[str] = socket.scope["subprotocols"]
    chosen = next((name for name in offered if name in CODECS), None)
    caller = caller_of(socket)
    with ExitStack() as place:
        try:
            place.enter_context(streams.admit(caller))
            level = _checked_level(asked)
            watches = _checked_watch(socket.query_params.get("watch", "false"))
            session = _checked_session(socket.query_params.get("session"))
            _check_handshake(client_id, offered, chosen)
        except Refused as error:
            problem = problem_of(error)
            await socket.send_denial_response(Response(encode_problem(problem), problem.status, media_type=MEDIA_TYPE))
            return
        await socket.accept(chosen)
        await streams.serve(socket, client_id, CODECS[chosen or JSON], caller, level, watches, session)


@router.get("/asyncapi.json", include_in_schema=False)
@needs(Scope.READ, of_net=False)
async def asyncapi() -> JSONResponse:
    """Describe the messages of the stream, as /openapi.json does the rest."""
    return JSONResponse(asyncapi_document())


def _checked_level(asked: str) -> Level:
    """Raises Invalid for a word that is no level."""
    if asked not in LEVELS:
        raise Invalid([ErrorLocation(detail=f"one of {', '.join(LEVELS)}", parameter="outputs")])
    return asked


def _checked_watch(asked: str) -> bool:
    """Raises Invalid for anything but true and false."""
    if asked not in ("true", "false"):
        raise Invalid([ErrorLocation(detail="true or false", parameter="watch")])
    return asked == "true"


def _checked_session(asked: str | None) -> str | None:
    """Raises Invalid for what is no name of a session."""
    if asked is None:
        return None
    try:
        return check_session(asked)
    except ValueError as error:
        raise Invalid([ErrorLocation(detail=str(error), parameter="session")]) from None


def _check_handshake(client_id: str | None, offered: list[str], chosen: str | None) -> None:
    """Raises Invalid for a client id that is too long, and where none of the offered subprotocols is known."""
    if client_id is not None and not 1 <= len(client_id) <= _CLIENT_ID_LENGTH:
        raise Invalid([ErrorLocation(detail=f"1 to {_CLIENT_ID_LENGTH} characters", parameter="client_id")])
    if offered and chosen is None:
        detail = f"one of {', '.join(CODECS)}, or none"
        raise Invalid([ErrorLocation(detail=detail, parameter="Sec-WebSocket-Protocol")])
