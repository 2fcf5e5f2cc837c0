"""Answer errors as RFC 9457 problems."""

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service.errors import (
    MEDIA_TYPE,
    Forbidden,
    Invalid,
    NotDurable,
    NotReady,
    Overloaded,
    Problem,
    Refused,
    Unauthorized,
    encode_problem,
    problem_of,
    problem_of_status,
)
from service.store.base import StoreError
from service.validation import locations_of


def respond(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    return Response(encode_problem(problem), problem.status, headers, media_type=MEDIA_TYPE)


def refusal(error: Exception) -> Response:
    """Return the answer to an error; one that is not the service's own is a 500 without any detail."""
    headers = {}
    if isinstance(error, Overloaded | NotDurable | NotReady):
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, Forbidden):
        headers["WWW-Authenticate"] = 'Bearer error="insufficient_scope"'
    return respond(problem_of(error), headers)


def add_error_handlers(app: FastAPI) -> None:
    """Let an app answer every error as a problem."""
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    for kind in (Refused, StoreError, Exception):
        app.add_exception_handler(kind, _answer)


async def _answer(_: Request, error: Exception) -> Response:
    return refusal(error)


async def _answer_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    if errors[0]["type"] == "json_invalid":
        return respond(problem_of_status(400, "the body is not JSON"))
    return respond(problem_of(Invalid(locations_of(errors))))


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:  # the router names the methods of one route, and there may be more of this path
        headers["Allow"] = request.scope["realnet.allow"]
    return respond(problem_of_status(error.status_code, error.detail), headers)
