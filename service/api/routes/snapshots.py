"""Save, list, keep, download, restore and delete snapshots."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from service.api.access import needs
from service.api.deps import TAKES_JSON, Handles, page_of, problems
from service.api.schemas import SnapshotChange, SnapshotList, SnapshotRequest
from service.auth.keys import Scope
from service.snapshots.snapshot import Snapshot

router = APIRouter(prefix="/v1/snapshots", tags=["snapshots"])

_WRITE_BYTES = 2**18  # handed to a connection at once, of a chunk of 16 MiB


@router.post("", status_code=201, responses=problems(400, 403, 409, 413, 422, 503))
@needs(Scope.ADMIN)
async def save(spine: Handles, response: Response, body: SnapshotRequest | None = None) -> Snapshot:
    """Save the net as it is now, to be kept until it is deleted. Answers when the snapshot is verified in the store."""
    asked = body or SnapshotRequest()
    snapshot = await spine.runtime.snapshotter.save(asked.kept, asked.name)
    response.headers["Location"] = f"{router.prefix}/{snapshot.id}"
    return snapshot


@router.get("", responses=problems(422, 503))
@needs(Scope.READ)
async def list_snapshots(
    spine: Handles,
    after: Annotated[str, Query(max_length=8, description="an id, as `next` of the answer before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> SnapshotList:
    """List the snapshots, oldest first."""
    left = [each for each in await spine.runtime.snapshots.list() if each.id > after]
    return SnapshotList(**page_of(left, limit))


@router.get("/{id}", responses=problems(404, 409, 503))
@needs(Scope.READ)
async def get(id: str, spine: Handles) -> Snapshot:
    return await spine.runtime.snapshots.get(id)


@router.patch("/{id}", responses=problems(400, 403, 404, 409, 413, 415, 422, 503), dependencies=[TAKES_JSON])
@needs(Scope.ADMIN)
async def change(id: str, change: SnapshotChange, spine: Handles) -> Snapshot:
    """Keep a snapshot until it is deleted, or no longer; give it a name, or none. What is left out stays as it is."""
    return await spine.runtime.snapshots.change(id, **change.model_dump(exclude_unset=True))


@router.get(
    "/{id}/data",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
        **problems(404, 409, 503),
    },
)
@needs(Scope.READ)
async def data(id: str, spine: Handles) -> Response:
    """Download a snapshot as one safetensors file, which ends before its `Content-Length` if the rest is damaged."""
    chunks = spine.runtime.snapshots.chunks(id)
    snapshot = await spine.runtime.snapshots.get(id)
    first = await anext(chunks)  # before the answer begins, so that damage is a 409
    return StreamingResponse(
        _small(first, chunks),
        media_type="application/octet-stream",
        headers={
            "Content-Length": str(snapshot.bytes),
            "Content-Disposition": f'attachment; filename="realnet-{id}-tick-{snapshot.tick}.safetensors"',
        },
    )


@router.post("/{id}/restore", responses=problems(403, 404, 409, 503))
@needs(Scope.ADMIN)
async def restore(id: str, spine: Handles) -> Snapshot:
    """Put the net back to a snapshot: what it was taught since, and what waits to be learnt, is undone."""
    return await spine.runtime.restore(id)


@router.delete("/{id}", status_code=204, responses=problems(403, 404, 409, 503))
@needs(Scope.ADMIN)
async def delete(id: str, spine: Handles) -> None:
    await spine.runtime.snapshots.delete(id)


async def _small(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[memoryview]:
    """Cut chunks into pieces that a connection takes at once."""
    chunk: bytes | None = first
    while chunk is not None:
        for start in range(0, len(chunk), _WRITE_BYTES):
            yield memoryview(chunk)[start : start + _WRITE_BYTES]
        chunk = await anext(others, None)
