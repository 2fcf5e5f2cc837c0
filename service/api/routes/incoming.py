"""Take metrics of Prometheus and logs of OpenTelemetry, in their own forms, as rows of streams."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.requests import ClientDisconnect

from service.api.access import needs
from service.api.deps import CallerDep, Edge, EdgeDep, problems
from service.auth.keyring import Caller
from service.auth.keys import Scope
from service.errors import Overloaded
from service.streams.incoming.batch import Batch, Became, Malformed, Source, TooLarge
from service.streams.incoming.unpacking import UNPACKED, gunzip

router = APIRouter(tags=["streams"])

_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_MESSAGE, _VERSION = "prometheus.WriteRequest", "0.1.0"
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "An ExportLogsServiceResponse, in the form of the request",
        "content": {_PROTOBUF: _BYTES, _JSON: {"schema": {"type": "object"}}},
    }
}
_REFUSALS = problems(400, 403, 408, 409, 413, 415, 429, 501, 503)
_WHY: dict[Became, str] = {
    "unfit": "have no text",
    "beyond_limit": "are of streams beyond the limit of REALNET_STREAMS",
    "refused": "are of streams that refuse them, such as one of values",
}


@router.post(
    "/api/v1/write",
    status_code=204,
    responses=_REFUSALS,
    openapi_extra={"requestBody": {"required": True, "content": {_PROTOBUF: _BYTES}}},
)
@needs(Scope.TEACH)
async def write(request: Request, edge: EdgeDep, caller: CallerDep) -> None:
    """Take what Prometheus writes to a remote: version 1.0, a WriteRequest of protobuf in a block of snappy.

    Each series is a stream of values, named as PromQL writes it. What is no newer than the last row of its stream is
    left out, so that what was sent may be sent again; so are series beyond the limit of streams. Where there is no room
    now the answer is 503, after which Prometheus sends again.
    """
    _check_remote_write(request)
    with _extra():
        from service.streams.incoming import prometheus
    try:
        await _taken(request, edge, caller, "prometheus", prometheus.decode)
    except Overloaded as error:  # what is answered with 429 it gives up
        raise HTTPException(503, str(error), {"Retry-After": str(error.retry_after)}) from error


@router.post(
    "/v1/logs",
    responses=_ANSWER | _REFUSALS,
    openapi_extra={"requestBody": {"required": True, "content": {_PROTOBUF: _BYTES, _JSON: {"schema": {}}}}},
)
@needs(Scope.TEACH)
async def logs(request: Request, edge: EdgeDep, caller: CallerDep) -> Response:
    """Take logs of OpenTelemetry: OTLP by HTTP, an ExportLogsServiceRequest of protobuf or JSON, which may be gzip.

    Each service is a stream of lines, named `service.name`, or `service.namespace/service.name`. What is not taken is
    counted in the answer, as a partial success.
    """
    form = _media_type(request)
    if form not in (_PROTOBUF, _JSON):
        raise HTTPException(415, f"send {_PROTOBUF} or {_JSON}")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise HTTPException(415, "send it as it is, or with Content-Encoding: gzip")
    with _extra():
        from service.streams.incoming import otlp

    def decode(body: bytes, most: int) -> Batch:
        unpacked = gunzip(body, most) if encoding == "gzip" else body
        return otlp.decode_json(unpacked) if form == _JSON else otlp.decode_protobuf(unpacked)

    became = await _taken(request, edge, caller, "otlp", decode)
    why = ", ".join(f"{became[what]} {why}" for what, why in _WHY.items() if became[what])
    answer = otlp.answer_json if form == _JSON else otlp.answer_protobuf
    return Response(answer(became.total() - became["taken"], why), media_type=form)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _check_remote_write(request: Request) -> None:
    """Refuse, with 415, what is not remote write 1.0, so that who can also speaks that."""
    if _media_type(request) != _PROTOBUF:
        raise HTTPException(415, f"send {_PROTOBUF}, as Prometheus does")
    _, *parameters = request.headers["content-type"].split(";")
    others = [each for each in parameters if each.strip().startswith("proto=") and each.strip() != f"proto={_MESSAGE}"]
    version = request.headers.get("x-prometheus-remote-write-version", _VERSION)
    if others or not version.startswith(_VERSION.removesuffix("0")):
        raise HTTPException(415, f"send remote write 1.0, a {_MESSAGE}: protobuf_message: {_MESSAGE} in Prometheus")
    if request.headers.get("content-encoding", "").strip().lower() != "snappy":
        raise HTTPException(415, "send it with Content-Encoding: snappy")


@contextmanager
def _extra() -> Iterator[None]:
    """Say what to install, where that is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        why = "this needs protobuf and snappy, which are not installed here: pip install 'realnet-live[telemetry]'"
        raise HTTPException(501, why) from error


async def _taken(
    request: Request, edge: Edge, caller: Caller, source: Source, decode: Callable[[bytes, int], Batch]
) -> Counter[Became]:
    """Have a body told and learnt, and return how many rows became what. Raises HTTPException, or another Refused."""
    rates = edge.runtime.rates()
    caller.check_pace(rates)
    with edge.incoming.places.held(caller.space):
        try:
            body = await request.body()
            most = UNPACKED * edge.settings.max_body_bytes
            became = await edge.incoming.take(source, lambda: decode(body, most))
        except ClientDisconnect:
            raise HTTPException(400, "the body ended too early") from None
        except Malformed as error:
            raise HTTPException(400, str(error)) from None
        except TooLarge as error:
            raise HTTPException(413, str(error)) from None
    caller.take(became["taken"], rates)
    return became
