"""Tell what the net can say of itself."""

from typing import Annotated

from fastapi import APIRouter, Query

from service.api.access import needs
from service.api.deps import RuntimeDep, problems
from service.auth.keys import Scope
from service.errors import ErrorLocation, Invalid, NotFound
from service.watch.about import About

router = APIRouter(prefix="/v1/self", tags=["net"])


@router.get("", responses=problems(409, 422, 503))
@needs(Scope.READ)
async def about(
    runtime: RuntimeDep,
    since: Annotated[
        str | None, Query(pattern="^[0-9]{8}$", description="a snapshot: also tell what has changed since it")
    ] = None,
    remember: Annotated[bool, Query(description="also tell what it still makes of what it lived")] = False,
) -> About:
    """Tell what the net is, what it has lived and from whom, how sure it may be, what it knows, what surprised it most.

    Every number follows from the journal. `since` and `remember` are found out by frozen forks of copies of the net,
    for one caller at a time, and take some tenths of a second; 409 where that cannot be told.
    """
    told = await runtime.watch.about.get()
    if remember:
        told = told.model_copy(update={"remembers": await runtime.comparison.remembered()})
    if since is not None:
        try:
            told = told.model_copy(update={"changed": await runtime.comparison.changed(since)})
        except NotFound as error:
            raise Invalid([ErrorLocation(detail=str(error), parameter="since")]) from None
    return told
