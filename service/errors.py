"""Errors named after what the user did, and the one table that gives each its HTTP status, `type` and title."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from pydantic import BaseModel, Field

from service.store.base import StoreError

MEDIA_TYPE = "application/problem+json"


class ErrorLocation(BaseModel, frozen=True):
    """One thing that is wrong, at a JSON `pointer` into the body, or in a `parameter` of the path, query or headers.

    For an uploaded file, `line` counts from 1, `pointer` points into that line, and `column` is the name of a column.
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
    """A problem as in RFC 9457, which never repeats what the client sent."""

    type: str = Field(examples=["/problems/overloaded"])
    title: str
    status: int
    detail: str | None = None
    errors: list[ErrorLocation] | None = None


class Refused(Exception):
    """A request that the service does not carry out. The message is one line for the user."""


class Invalid(Refused):
    def __init__(self, places: Iterable[ErrorLocation]) -> None:
        self.places = list(places)
        super().__init__("; ".join(f"{place.where}: {place.detail}" for place in self.places))


class Overloaded(Refused):
    """There is no room now; another try makes sense after `retry_after` seconds."""

    retry_after = 1


class Limited(Overloaded):
    """One key asks for more than its share, or one net is asked for more than it may be."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unauthorized(Refused):
    """No key was given, or an unknown one."""


class Forbidden(Refused):
    """The key does not have the scope, or is not for the net."""


class NotFound(Refused):
    pass


class ModelNotFound(NotFound):
    """There is no net of that name."""


class Conflict(Refused):
    pass


class Misdirected(Refused):
    """The net is of another shard of the cluster, which alone may open it."""


class Follows(Refused):
    """This server follows another one, which alone may change the net."""


class LeaderGone(Refused):
    """This server follows another one, which does not answer."""

    retry_after = 1


class PeerFailed(Refused):
    """Another server, which this one was told to meet, does not answer, or refuses."""


class JobFailed(Refused):
    """A job that was begun and failed."""


class EngineStopped(Refused):
    """The engine's thread has ended, or ends before it gets to the command."""


class NotDurable(Refused):
    """The journal cannot be written, so nothing can be learnt; reading and generating go on."""

    retry_after = 1


class NotReady(Refused):
    """The server is still reading its journal, or fetches the net anew."""

    retry_after = 1


class NetDamaged(Refused):
    """A net that cannot be opened, or cannot go on. Other nets can."""


_TABLE: Mapping[type[Exception], tuple[str, HTTPStatus, str]] = {
    Invalid: ("invalid", HTTPStatus.UNPROCESSABLE_ENTITY, "Validation failed"),
    Limited: ("limited", HTTPStatus.TOO_MANY_REQUESTS, "Limit exceeded"),
    Overloaded: ("overloaded", HTTPStatus.TOO_MANY_REQUESTS, "Too many requests"),
    Unauthorized: ("unauthorized", HTTPStatus.UNAUTHORIZED, "Unauthorized"),
    Forbidden: ("scope", HTTPStatus.FORBIDDEN, "Forbidden"),
    ModelNotFound: ("model-not-found", HTTPStatus.NOT_FOUND, "Not found"),
    NotFound: ("not-found", HTTPStatus.NOT_FOUND, "Not found"),
    Conflict: ("conflict", HTTPStatus.CONFLICT, "Conflict"),
    Misdirected: ("misdirected", HTTPStatus.MISDIRECTED_REQUEST, "Another shard has the net"),
    Follows: ("follower", HTTPStatus.CONFLICT, "This server follows another"),
    LeaderGone: ("leader-gone", HTTPStatus.SERVICE_UNAVAILABLE, "The leader does not answer"),
    PeerFailed: ("peer-failed", HTTPStatus.BAD_GATEWAY, "The other server failed"),
    JobFailed: ("job-failed", HTTPStatus.INTERNAL_SERVER_ERROR, "Job failed"),
    EngineStopped: ("engine-stopped", HTTPStatus.SERVICE_UNAVAILABLE, "Engine stopped"),
    NotDurable: ("not-durable", HTTPStatus.SERVICE_UNAVAILABLE, "Journal not writable"),
    NotReady: ("not-ready", HTTPStatus.SERVICE_UNAVAILABLE, "Not ready"),
    NetDamaged: ("net-damaged", HTTPStatus.INTERNAL_SERVER_ERROR, "The net cannot be opened"),
    StoreError: ("store-unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "Store unavailable"),
}

_WORDS: Mapping[int, tuple[str, str]] = {  # Python's own phrases change with its version
    400: ("malformed", "Bad request"),
    403: ("forbidden", "Forbidden"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "Method not allowed"),
    408: ("too-slow", "Request timeout"),
    413: ("too-large", "Content too large"),
    415: ("wrong-content-type", "Unsupported media type"),
    500: ("internal", "Internal server error"),
    501: ("not-installed", "Not installed here"),
}


def problem_of(error: Exception) -> Problem:
    """Return the problem of an error; one that is not in the table is a 500 without any detail."""
    for kind, (slug, status, title) in _TABLE.items():
        if isinstance(error, kind):
            places = error.places if isinstance(error, Invalid) else None
            detail = None if places else str(error)
            return Problem(type=f"/problems/{slug}", title=title, status=status, detail=detail, errors=places)
    return problem_of_status(HTTPStatus.INTERNAL_SERVER_ERROR)


def error_of(problem: Problem) -> Exception:
    """Return the error that another process has made this problem of; PeerFailed for one that is not in the table."""
    kind = next((kind for kind, (slug, _, _) in _TABLE.items() if problem.type == f"/problems/{slug}"), PeerFailed)
    told = problem.detail or problem.title
    if kind is Invalid:
        return Invalid(problem.errors or [ErrorLocation(detail=told)])
    return PeerFailed(told) if kind is Limited else kind(told)


def problem_of_status(status: int, detail: str | None = None) -> Problem:
    """Return the problem of an HTTP status that no error of the service stands for."""
    slug, title = _WORDS.get(status, (f"http-{status}", HTTPStatus(status).phrase))
    return Problem(type=f"/problems/{slug}", title=title, status=status, detail=detail)


def encode_problem(problem: Problem) -> bytes:
    return problem.model_dump_json(exclude_none=True).encode()
