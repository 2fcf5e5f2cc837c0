"""Answer errors as RFC 9457 problems, and on the paths of the OpenAI API in its form."""

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from service.api.openai.errors import error_of, is_openai, status_of
from service.errors import (
    MEDIA_TYPE,
    Forbidden,
    Invalid,
    LeaderGone,
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


def respond(scope: Scope, problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """Return a problem in the form of the path that was asked for."""
    if is_openai(scope["path"]):
        status = status_of(problem)
        return Response(error_of(problem).model_dump_json(), status, headers, media_type="application/json")
    return Response(encode_problem(problem), problem.status, headers, media_type=MEDIA_TYPE)


def refusal(scope: Scope, error: Exception) -> Response:
    """Return the answer to an error; one that is not the service's own is a 500 without any detail."""
    headers = {}
    if isinstance(error, Overloaded | NotDurable | NotReady | LeaderGone):
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, Forbidden):
        headers["WWW-Authenticate"] = 'Bearer error="insufficient_scope"'
    return respond(scope, problem_of(error), headers)


def add_error_handlers(app: FastAPI) -> None:
    """Let an app answer every error as a problem."""
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    for kind in (Refused, StoreError, Exception):
        app.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    return refusal(request.scope, error)


async def _answer_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    if errors[0]["type"] == "json_invalid":
        return respond(request.scope, problem_of_status(400, "the body is not JSON"))
    return respond(request.scope, problem_of(Invalid(locations_of(errors))))


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:  # the router names the methods of one route, and there may be more of this path
        headers["Allow"] = request.scope["realnet.allow"]
    return respond(request.scope, problem_of_status(error.status_code, error.detail), headers)
