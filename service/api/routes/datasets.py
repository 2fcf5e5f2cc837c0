"""Upload, list, look into and delete data sets."""

import asyncio
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response

from service.api.access import needs
from service.api.dataset_schemas import FORM, DatasetList, DatasetShown
from service.api.deps import Calling, Handles, Spine, page_of, problems
from service.auth.keys import Scope
from service.datasets.manifest import Dataset
from service.datasets.upload import Upload
from service.errors import Conflict, ErrorLocation, Invalid

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

_FORM = {"required": True, "content": {"multipart/form-data": {"schema": FORM}}}
_KNOWN: dict[int | str, dict[str, Any]] = {
    200: {"description": "The same data set was there before, under this name", "model": Dataset}
}


@router.post(
    "",
    status_code=201,
    responses=_KNOWN | problems(400, 403, 408, 409, 413, 415, 422, 429, 503),
    openapi_extra={"requestBody": _FORM},
)
@needs(Scope.TEACH, largest="max_dataset_bytes")
async def add(request: Request, spine: Handles, caller: Calling, response: Response) -> Dataset:
    """Check and store a file, and answer when all of it is stored. A wrong file is refused with its first ten errors.

    The same content, read in the same way, is one data set.
    """
    async with spine.uploads.receive(request, caller.space) as upload:
        dataset, is_new = await _unless_gone(request, spine, upload)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"{router.prefix}/{dataset.id}"
    return dataset


@router.get("", responses=problems(422, 503))
@needs(Scope.READ)
async def list_datasets(
    spine: Handles,
    after: Annotated[str | None, Query(max_length=32, description="an id, as `next` of the answer before")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> DatasetList:
    """List the data sets, oldest first."""
    left = await spine.runtime.datasets.list()
    if after is not None:
        ids = [each.id for each in left]
        if after not in ids:
            raise Invalid([ErrorLocation(detail="no data set has this id", parameter="after")])
        left = left[ids.index(after) + 1 :]
    return DatasetList(**page_of(left, limit))


@router.get("/{id}", responses=problems(404, 409, 503), response_model_exclude_unset=True)
@needs(Scope.READ)
async def get(id: str, spine: Handles) -> DatasetShown:
    """Return one data set, with a preview of its first items."""
    dataset = await spine.runtime.datasets.get(id)
    async with aclosing(spine.runtime.datasets.read(id)) as batches:
        return DatasetShown.of(dataset, await anext(batches), spine.runtime.engine.interface.vocabulary)


@router.delete("/{id}", status_code=204, responses=problems(403, 404, 409, 503))
@needs(Scope.ADMIN)
async def delete(id: str, spine: Handles) -> None:
    """Delete a data set. Refused (409) while a job uses it or waits to."""
    for job in spine.runtime.jobs.all():
        if job.request.get("dataset") == id and not job.has_ended:
            raise Conflict(f"job {job.id} uses it")
    await spine.runtime.datasets.delete(id)


async def _unless_gone(request: Request, spine: Spine, upload: Upload) -> tuple[Dataset, bool]:
    """Store an upload, and give up if the client leaves before the answer. Raises HTTPException then."""
    adding = asyncio.ensure_future(spine.runtime.datasets.add(upload, spine.runtime.engine.interface))
    gone = asyncio.ensure_future(
        request.receive()
    )  # the body is complete: all that can still come is the client's leaving
    try:
        await asyncio.wait([adding, gone], return_when=asyncio.FIRST_COMPLETED)
        if not adding.done():
            raise HTTPException(400, "the client has left")
        return adding.result()
    finally:
        gone.cancel()
        adding.cancel()
        await asyncio.gather(adding, return_exceptions=True)  # the file is closed after it
