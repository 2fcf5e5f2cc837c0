"""The models of this server, which are its nets."""

import time

from fastapi import APIRouter

from service.api.access import needs
from service.api.openai.answers import Model, ModelList
from service.api.openai.chosen import ModelsDep
from service.api.openai.errors import errors
from service.auth.keys import Scope

router = APIRouter(prefix="/v1/models", tags=["openai"])

_BEGAN = int(time.time())


@router.get("", responses=errors(400, 401, 403, 429, 503))
@needs(Scope.READ, of_net=False)
async def list_models(models: ModelsDep) -> ModelList:
    """List the nets that the key is for in the form of the OpenAI API."""
    return ModelList(data=[Model(id=name, created=_BEGAN) for name in await models.names()])


@router.get("/{model}", responses=errors(400, 401, 403, 404, 429, 503))
@needs(Scope.READ, of_net=False)
async def retrieve_model(model: str, models: ModelsDep) -> Model:
    """Describe a net in the form of the OpenAI API, without waking it."""
    await models.check(model)
    return Model(id=model, created=_BEGAN)
