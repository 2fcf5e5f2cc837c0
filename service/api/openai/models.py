"""The one model of this server, which is its net."""

import time

from fastapi import APIRouter

from service.api.access import needs
from service.api.deps import EdgeDep
from service.api.openai.answers import Model, ModelList
from service.api.openai.errors import errors
from service.api.openai.requests import check_model
from service.auth.keys import Scope

router = APIRouter(prefix="/v1/models", tags=["openai"])

_BEGAN = int(time.time())


@router.get("", responses=errors(400, 401, 403, 429))
@needs(Scope.READ)
async def list_models(edge: EdgeDep) -> ModelList:
    """List the one model in the form of the OpenAI API."""
    return ModelList(data=[Model(id=edge.runtime.name, created=_BEGAN)])


@router.get("/{model}", responses=errors(400, 401, 403, 404, 429))
@needs(Scope.READ)
async def retrieve_model(model: str, edge: EdgeDep) -> Model:
    """Describe the model in the form of the OpenAI API."""
    check_model(model, edge)
    return Model(id=model, created=_BEGAN)
