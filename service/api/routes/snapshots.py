"""Save, list, keep, download, upload, restore and delete snapshots."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse

import service.api.ids  # noqa: F401
from realnet.dendrites.device import LEAST_SIZE, Weights
from service.api.access import needs
from service.api.deps import TAKES_JSON, RuntimeDep, page_of, problems
from service.api.schemas import SnapshotChange, SnapshotList, SnapshotName, SnapshotRequest
from service.auth.keys import Scope
from service.snapshots.snapshot import Snapshot

router = APIRouter(prefix="/v1/snapshots", tags=["snapshots"])

_FILE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_WRITE_BYTES = 2**18  # handed to a connection at once, of a chunk of 16 MiB


@router.post("", status_code=201, responses=problems(400, 403, 409, 413, 422, 503))
@needs(Scope.ADMIN)
async def save(runtime: RuntimeDep, response: Response, body: SnapshotRequest | None = None) -> Snapshot:
    """Save the net as it is now, to be kept until it is deleted. Answers when the snapshot is verified in the store."""
    asked = body or SnapshotRequest()
    snapshot = await runtime.snapshotter.save(asked.kept, asked.name)
    response.headers["Location"] = f"{router.prefix}/{snapshot.id}"
    return snapshot


@router.get("", responses=problems(422, 503))
@needs(Scope.READ)
async def list_snapshots(
    runtime: RuntimeDep,
    after: Annotated[str, Query(max_length=8, description="an id, as `next` of the answer before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> SnapshotList:
    """List the snapshots, oldest first."""
    left = [each for each in await runtime.snapshots.list() if each.id > after]
    return SnapshotList(**page_of(left, limit))


@router.get("/{id:digits}", responses=problems(404, 409, 503))
@needs(Scope.READ)
async def get(id: str, runtime: RuntimeDep) -> Snapshot:
    return await runtime.snapshots.get(id)


@router.patch("/{id:digits}", responses=problems(400, 403, 404, 409, 413, 415, 422, 503), dependencies=[TAKES_JSON])
@needs(Scope.ADMIN)
async def change(id: str, change: SnapshotChange, runtime: RuntimeDep) -> Snapshot:
    """Keep a snapshot until it is deleted, or no longer; give it a name, or none. What is left out stays as it is."""
    return await runtime.snapshots.change(id, **change.model_dump(exclude_unset=True))


@router.get(
    "/{id:digits}/data",
    response_class=StreamingResponse,
    responses={
        200: {"content": _FILE},
        **problems(404, 409, 422, 503),
    },
)
@needs(Scope.READ)
async def data(
    id: str,
    runtime: RuntimeDep,
    size: Annotated[
        int | None,
        Query(ge=LEAST_SIZE, description="bytes that the lines of memory of a smaller net take at most; none: all"),
    ] = None,
    weights: Annotated[
        Weights, Query(description="of a net that is `lean`, without output maps, and with gains in half precision")
    ] = "full",
) -> Response:
    """Download a snapshot as one safetensors file, which ends before its `Content-Length` if the rest is damaged.

    With `size` or `weights` it is that of a smaller net, made of the snapshot's for a device with little memory: only
    of a net of dendrites, and of no compact one (409).
    """
    snapshot = await runtime.snapshots.get(id)
    if size is not None or weights != "full":
        made = await runtime.snapshotter.for_device(id, size, weights)
        return _file(_small(made), len(made), f"realnet-{id}-tick-{snapshot.tick}-small")
    chunks = runtime.snapshots.chunks(id)
    first = await anext(chunks)  # before the answer begins, so that damage is a 409
    return _file(_small(first, chunks), snapshot.bytes, f"realnet-{id}-tick-{snapshot.tick}")


@router.get(
    "/{id:digits}/memory",
    response_class=Response,
    responses={200: {"content": _FILE}, **problems(403, 404, 409, 503)},
)
@needs(Scope.ADMIN)
async def memory(id: str, runtime: RuntimeDep) -> Response:
    """Download what the server remembers beside a snapshot, as MessagePack: who taught the net what, and how far.

    It is no part of the snapshot's data; where nothing is remembered, as of an upload, it is empty.
    """
    return Response(await runtime.snapshots.memory(id), media_type="application/octet-stream")


@router.post(
    "/upload",
    status_code=201,
    responses=problems(400, 403, 408, 409, 413, 415, 422, 503),
    openapi_extra={"requestBody": {"required": True, "content": _FILE}},
)
@needs(Scope.ADMIN, largest="max_dataset_bytes")
async def upload(
    runtime: RuntimeDep, request: Request, response: Response, name: Annotated[SnapshotName | None, Query()] = None
) -> Snapshot:
    """Keep a snapshot that was downloaded, here or from a server with such a net. The net stays as it is.

    To have it live, restore it.
    """
    if request.headers.get("content-type", "").strip().lower() not in _FILE:
        raise HTTPException(415, "send application/octet-stream")
    snapshot = await runtime.snapshotter.take_in(await request.body(), name)
    response.headers["Location"] = f"{router.prefix}/{snapshot.id}"
    return snapshot


@router.post("/{id:digits}/restore", responses=problems(403, 404, 409, 503))
@needs(Scope.ADMIN)
async def restore(id: str, runtime: RuntimeDep) -> Snapshot:
    """Put the net back to a snapshot: what it was taught since, and what waits to be learnt, is undone."""
    return await runtime.restore(id)


@router.delete("/{id:digits}", status_code=204, responses=problems(403, 404, 409, 503))
@needs(Scope.ADMIN)
async def delete(id: str, runtime: RuntimeDep) -> None:
    await runtime.snapshots.delete(id)


def _file(pieces: AsyncIterator[memoryview], bytes: int, name: str) -> Response:
    return StreamingResponse(
        pieces,
        media_type="application/octet-stream",
        headers={
            "Content-Length": str(bytes),
            "Content-Disposition": f'attachment; filename="{name}.safetensors"',
        },
    )


async def _small(first: bytes, others: AsyncIterator[bytes] | None = None) -> AsyncIterator[memoryview]:
    """Cut chunks into pieces that a connection takes at once."""
    chunk: bytes | None = first
    while chunk is not None:
        for start in range(0, len(chunk), _WRITE_BYTES):
            yield memoryview(chunk)[start : start + _WRITE_BYTES]
        chunk = None if others is None else await anext(others, None)
