"""Tell another server's net what this one expects of the tokens that it hears."""

import asyncio
from contextlib import ExitStack

import msgspec
from fastapi import APIRouter, Response, WebSocket
from starlette.websockets import WebSocketDisconnect

from realnet.dendrites.opinions import Speaker
from service.api.access import needs
from service.api.deps import caller_of, edge_of
from service.api.stream.session import POLICY, UNSUPPORTED_DATA
from service.auth.keyring import Caller
from service.auth.keys import Scope
from service.engine.opinions import Opine, Speak
from service.errors import MEDIA_TYPE, Conflict, ErrorLocation, Invalid, Refused, encode_problem, problem_of
from service.links.messages import MOST_TOKENS, SUBPROTOCOL, Hello, Told, ask_of, encode
from service.runtime.runtime import Runtime

router = APIRouter()

_GOING_AWAY = 1001


@router.websocket("/v1/opinions")
@needs(Scope.READ, here=True)
async def opinions(socket: WebSocket) -> None:
    """Open the other end of a link: tokens come, and what this net expected of each goes back."""
    runtime, caller = edge_of(socket).runtime, caller_of(socket)
    with ExitStack() as place:
        try:
            if SUBPROTOCOL not in socket.scope["subprotocols"]:
                raise Invalid([ErrorLocation(detail=f"offer {SUBPROTOCOL}", parameter="Sec-WebSocket-Protocol")])
            place.enter_context(runtime.links.listeners.held(caller.space))
            speaker = await runtime.engine.ask(Speak())
            if isinstance(speaker, str):
                raise Conflict(speaker)
        except Refused as error:
            problem = problem_of(error)
            await socket.send_denial_response(Response(encode_problem(problem), problem.status, media_type=MEDIA_TYPE))
            return
        await socket.accept(SUBPROTOCOL)
        await _serve(socket, speaker, runtime, caller)


async def _serve(socket: WebSocket, speaker: Speaker, runtime: Runtime, caller: Caller) -> None:
    """Answer until the other leaves, says what is no message, or its key is revoked."""
    revoked = asyncio.create_task(caller.revoked.wait())
    answering = asyncio.create_task(_answer(socket, speaker, runtime, caller))
    try:
        await asyncio.wait({revoked, answering}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            await socket.close(POLICY, "the key has been revoked")
            return
        await answering
    except WebSocketDisconnect:
        pass
    except (msgspec.MsgspecError, ValueError, KeyError) as error:
        await socket.close(UNSUPPORTED_DATA, " ".join(str(error).split())[:100])
    except Refused as error:
        await socket.close(_GOING_AWAY, str(error)[:100])
    finally:
        revoked.cancel()
        answering.cancel()


async def _answer(socket: WebSocket, speaker: Speaker, runtime: Runtime, caller: Caller) -> None:
    vocabulary = runtime.interface.vocabulary
    assert vocabulary is not None
    await socket.send_bytes(encode(Hello(vocabulary.name, vocabulary.size)))
    while True:
        ask = ask_of(await socket.receive_bytes())
        ids = ask.ids
        if len(ids) > MOST_TOKENS or (ids >= vocabulary.size).any():
            raise ValueError(f"{MOST_TOKENS} tokens at most, each below {vocabulary.size}")
        rates = runtime.rates()
        caller.check_pace(rates)
        caller.take(len(ids), rates)
        told = await runtime.engine.ask(Opine(speaker, ids, ask.next))
        if isinstance(told, str):
            raise Conflict(told)
        await socket.send_bytes(encode(Told(told[0].tobytes(), None if told[1] is None else told[1].tobytes())))
