"""What can go wrong, named after what the user did, and the one table that gives each its place in HTTP."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from pydantic import BaseModel, Field

from service.store.base import StoreError

MEDIA_TYPE = "application/problem+json"


class ErrorLocation(BaseModel, frozen=True):
    """One thing that is wrong: `pointer` is a JSON pointer into the body, `parameter` one of the address.

    Of an uploaded file there is also the `line`, from 1, into which the pointer then is, and the name of the `column`.
    """

    detail: str
    pointer: str | None = None
    parameter: str | None = None
    line: int | None = None
    column: str | None = None

    @property
    def where(self) -> str:
        line = None if self.line is None else f"line {self.line}"
        return ", ".join(name for name in (line, self.pointer, self.parameter, self.column) if name is not None)


class Problem(BaseModel, frozen=True):
    """RFC 9457. Never repeats what the client sent."""

    type: str = Field(examples=["/problems/overloaded"])
    title: str
    status: int
    detail: str | None = None
    errors: list[ErrorLocation] | None = None


class Refused(Exception):
    """Something was asked that the service does not do now. The message is one line for the user."""


class Invalid(Refused):
    def __init__(self, places: Iterable[ErrorLocation]) -> None:
        self.places = list(places)
        super().__init__("; ".join(f"{place.where}: {place.detail}" for place in self.places))


class Overloaded(Refused):
    """Worth another try after `retry_after` seconds."""

    retry_after = 1


class Limited(Overloaded):
    """One key asks for more than it may."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unauthorized(Refused):
    """No key, or none that is known."""


class Forbidden(Refused):
    """A key that does not allow it."""


class NotFound(Refused):
    pass


class Conflict(Refused):
    pass


class JobFailed(Refused):
    """It was begun, and could not be done."""


class EngineStopped(Refused):
    """The engine's thread has ended, or will before it could do this."""


class NotDurable(Refused):
    """The journal cannot be written, so nothing can be learnt; reading and generating go on."""

    retry_after = 1


class NotReady(Refused):
    """The server is still reading its journal."""

    retry_after = 1


_TABLE: Mapping[type[Exception], tuple[str, HTTPStatus, str]] = {
    Invalid: ("invalid", HTTPStatus.UNPROCESSABLE_ENTITY, "The request is well-formed but wrong"),
    Limited: ("limited", HTTPStatus.TOO_MANY_REQUESTS, "Too much for one key"),
    Overloaded: ("overloaded", HTTPStatus.TOO_MANY_REQUESTS, "The net is busy"),
    Unauthorized: ("unauthorized", HTTPStatus.UNAUTHORIZED, "A key is needed"),
    Forbidden: ("scope", HTTPStatus.FORBIDDEN, "The key does not allow it"),
    NotFound: ("not-found", HTTPStatus.NOT_FOUND, "There is no such thing"),
    Conflict: ("conflict", HTTPStatus.CONFLICT, "The state of things does not allow it"),
    JobFailed: ("job-failed", HTTPStatus.INTERNAL_SERVER_ERROR, "The job could not be done"),
    EngineStopped: ("engine-stopped", HTTPStatus.SERVICE_UNAVAILABLE, "The net does not tick"),
    NotDurable: ("not-durable", HTTPStatus.SERVICE_UNAVAILABLE, "The journal cannot be written: nothing is learnt"),
    NotReady: ("not-ready", HTTPStatus.SERVICE_UNAVAILABLE, "The journal is being read"),
    StoreError: ("store-unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "The store does not answer"),
}

_WORDS: Mapping[int, tuple[str, str]] = {  # Python's own phrases change with its version
    400: ("malformed", "The request cannot be read"),
    403: ("forbidden", "Not from there"),
    404: ("not-found", "There is no such thing"),
    405: ("method-not-allowed", "Not with this method"),
    408: ("too-slow", "The request came too slowly"),
    413: ("too-large", "The request is too large"),
    415: ("wrong-content-type", "The request is of the wrong content type"),
    500: ("internal", "A fault of the server; its log tells more"),
}


def problem_of(error: Exception) -> Problem:
    """Any other error is a 500 that tells nothing of its inside."""
    for kind, (slug, status, title) in _TABLE.items():
        if isinstance(error, kind):
            places = error.places if isinstance(error, Invalid) else None
            detail = None if places else str(error)
            return Problem(type=f"/problems/{slug}", title=title, status=status, detail=detail, errors=places)
    return problem_of_status(HTTPStatus.INTERNAL_SERVER_ERROR)


def problem_of_status(status: int, detail: str | None = None) -> Problem:
    """For what HTTP itself has a word."""
    slug, title = _WORDS.get(status, (f"http-{status}", HTTPStatus(status).phrase))
    return Problem(type=f"/problems/{slug}", title=title, status=status, detail=detail)


def encode_problem(problem: Problem) -> bytes:
    return problem.model_dump_json(exclude_none=True).encode()
