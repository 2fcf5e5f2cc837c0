"""The WebSocket: its handshake. The gate in front of the app has checked the origin."""

from fastapi import APIRouter, Response, WebSocket

from service.api.access import needs
from service.api.deps import caller_of, spine_of
from service.api.stream.protocol import CODECS, JSON
from service.auth.keys import Scope
from service.errors import MEDIA_TYPE, ErrorLocation, Invalid, Refused, encode_problem, problem_of

router = APIRouter()

_CLIENT_ID_LENGTH = 128


@router.websocket("/v1/stream")
@needs(Scope.READ)
async def stream(socket: WebSocket) -> None:
    """`?client_id=NAME` resumes after that client's last acknowledged `seq`. `input` needs a key of scope teach.

    The same name with another key is another client.
    """
    streams = spine_of(socket).streams
    client_id = socket.query_params.get("client_id")
    offered: list[str] = socket.scope["subprotocols"]
    chosen = next((name for name in offered if name in CODECS), None)
    try:
        streams.admit()
        if client_id is not None and not 1 <= len(client_id) <= _CLIENT_ID_LENGTH:
            raise Invalid([ErrorLocation(detail=f"1 to {_CLIENT_ID_LENGTH} signs", parameter="client_id")])
        if offered and chosen is None:
            detail = f"one of {', '.join(CODECS)}, or none"
            raise Invalid([ErrorLocation(detail=detail, parameter="Sec-WebSocket-Protocol")])
    except Refused as error:
        problem = problem_of(error)
        await socket.send_denial_response(Response(encode_problem(problem), problem.status, media_type=MEDIA_TYPE))
        return
    await socket.accept(chosen)
    await streams.serve(socket, client_id, CODECS[chosen or JSON], caller_of(socket))
