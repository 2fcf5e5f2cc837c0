"""Show what goes on in the net, as the page and `realnet top` do. An answer is shared by all who ask at about once."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from service.api.access import needs
from service.api.deps import CallerDep, RuntimeDep, problems
from service.api.schemas import Me, TokenTexts
from service.auth.keys import Scope
from service.errors import Conflict, ErrorLocation, Invalid
from service.validation import SessionName
from service.watch.activity import DendriteActivity, NeuronActivity
from service.watch.anchors import Anchors
from service.watch.expected import NextTokens, expected_of
from service.watch.life import Life
from service.watch.matrix import Matrix

router = APIRouter(prefix="/v1", tags=["watch"])


@router.get("/me", responses=problems(429))
@needs(Scope.OPEN, of_net=False)
async def me(request: Request, caller: CallerDep) -> Me:
    """Tell the caller's name and scope, null for one without a key, or with a wrong one, where a key is needed."""
    scope = None if caller.scope is Scope.OPEN else caller.scope.word
    share = caller.share
    return Me(
        name=caller.name,
        scope=scope,
        keys_required=request.app.keys_required,
        nets=[] if scope is None else list(share.nets),
        max_nets=share.max_nets,
        max_bytes=share.max_bytes,
    )


@router.get("/net/history", response_model=Life, responses=problems(503))
@needs(Scope.READ)
async def history(runtime: RuntimeDep) -> Response:
    """Return accuracy and surprise over the net's life, a second old at most."""
    return Response(await runtime.watch.life.json(), media_type="application/json")


@router.get("/net/anchors", response_model=Anchors, responses=problems(409, 503))
@needs(Scope.READ)
async def anchors(runtime: RuntimeDep) -> Response:
    """Return what bzip2 and xz make of the text that the net has learnt from: measured now, or not long ago.

    409 for a net of frames.
    """
    return Response(await runtime.watch.anchors.json(), media_type="application/json")


@router.get("/net/activity", response_model=DendriteActivity | NeuronActivity, responses=problems(409, 503))
@needs(Scope.READ)
async def activity(runtime: RuntimeDep) -> Response:
    """Return which dendrites are heard now, or which neurons fired at the last ticks. 409 for a compact net."""
    return Response(await runtime.watch.activity.json(), media_type="application/json")


@router.get("/net/expected", response_model=NextTokens, responses=problems(409, 422, 503))
@needs(Scope.READ)
async def expected(
    runtime: RuntimeDep,
    session: Annotated[SessionName | None, Query(description="after what this session has in mind")] = None,
) -> Response:
    """Return the tokens that the net expects most now. 409 for a net of frames."""
    if session is not None:
        told = await expected_of(runtime.engine, session)
        return Response(told.model_dump_json(), media_type="application/json")
    return Response(await runtime.watch.expected.json(), media_type="application/json")


@router.get("/net/matrix", response_model=Matrix, responses=problems(409, 503))
@needs(Scope.READ)
async def matrix(runtime: RuntimeDep) -> Response:
    """Return the weights of the net, seen from afar. 409 for a compact net."""
    return Response(await runtime.watch.matrix.json(), media_type="application/json")


@router.get("/net/tokens", responses=problems(409, 422, 503))
@needs(Scope.READ)
async def tokens(
    runtime: RuntimeDep, id: Annotated[list[Annotated[int, Query(ge=0, le=2**16)]], Query(min_length=1, max_length=256)]
) -> TokenTexts:
    """Return how tokens are written. 409 for a net of frames."""
    vocabulary = runtime.interface.vocabulary
    if vocabulary is None:
        raise Conflict("a net of raw frames has no tokens")
    if max(id) >= vocabulary.size:
        raise Invalid([ErrorLocation(detail=f"the vocabulary has {vocabulary.size} tokens", parameter="id")])
    return TokenTexts(texts=[vocabulary.decode([each]) for each in id])
