"""Give the journal away: all that has entered the net, since the snapshots that it goes on from."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from service.aio import in_thread
from service.api.access import needs
from service.api.deps import RuntimeDep, problems
from service.auth.keys import Scope

router = APIRouter(prefix="/v1/journal", tags=["snapshots"])

_WRITE_BYTES = 2**18  # handed to a connection at once


@router.get(
    "",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
        **problems(403, 409, 422, 503),
    },
)
@needs(Scope.ADMIN)
async def journal(
    runtime: RuntimeDep,
    after: Annotated[
        int, Query(ge=0, le=2**63 - 1, description="a record's number; those before it may come, too. 0: all there are")
    ] = 0,
) -> StreamingResponse:
    """Download the journal's records in its own format, as far as it is written; the last may be cut off.

    Refused (409) without a journal, and where it begins after the record `after` + 1.
    """
    blocks = runtime.journal_after(after)
    first = await in_thread(lambda: next(blocks, b""))  # before the answer begins, so that trouble is a 503
    return StreamingResponse(_pieces(first, blocks), media_type="application/octet-stream")


def _pieces(block: bytes | None, others: Iterator[bytes]) -> Iterator[memoryview]:
    """Cut blocks into pieces that a connection takes at once. On a thread, piece by piece."""
    while block is not None:
        for start in range(0, len(block), _WRITE_BYTES):
            yield memoryview(block)[start : start + _WRITE_BYTES]
        block = next(others, None)
