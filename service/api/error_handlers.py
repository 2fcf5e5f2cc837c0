"""Answer errors as RFC 9457 problems."""

from fastapi import Response

from service.errors import (
    MEDIA_TYPE,
    Forbidden,
    NotDurable,
    NotReady,
    Overloaded,
    Problem,
    Unauthorized,
    encode_problem,
    problem_of,
)


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
