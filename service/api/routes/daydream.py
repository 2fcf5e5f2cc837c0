"""Have forks of the net talk freely, as a job."""

from fastapi import APIRouter, Response

from realnet.inputs import InputError
from service.api.access import needs
from service.api.deps import TAKES_JSON, CallerDep, RuntimeDep
from service.api.routes.jobs import REFUSALS, add_job
from service.auth.keys import Scope
from service.errors import Conflict, ErrorLocation, Invalid
from service.jobs.job import Job
from service.jobs.requests import DaydreamRequest

router = APIRouter(prefix="/v1/daydream", tags=["jobs"])


@router.post("", status_code=202, responses=REFUSALS, dependencies=[TAKES_JSON])
@needs(Scope.TEACH)
async def daydream(body: DaydreamRequest, runtime: RuntimeDep, caller: CallerDep, response: Response) -> Job:
    """Daydream: forks of the net talk freely, and the talks are judged. The net learns nothing of it.

    The fork tells how plausible each talk is (bits a token, by what it expects at temperature 1), and what the net
    lived through how new (the share of `ngram` tokens in a row that are nowhere in it). Of the more plausible half the
    newest are kept, and come first. Only nets of tokens daydream, and no compact ones (409).
    """
    if runtime.interface.vocabulary is None:
        raise Conflict("a net of raw frames has no tokens to talk in")
    if runtime.interface.sleep is None:
        raise Conflict("a compact net does not daydream")
    for number, prompt in enumerate(body.prompts):
        try:
            runtime.interface.parse(text=prompt)
        except InputError as error:
            raise Invalid([ErrorLocation(detail=error.detail, pointer=f"/prompts/{number}")]) from None
    return await add_job("daydream", body, runtime, caller, response)
