"""Errors in the form of the OpenAI API, on its paths."""

from typing import Any

from pydantic import BaseModel

from service.errors import Problem

_PATHS = ("/v1/models", "/v1/completions", "/v1/chat", "/v1/embeddings", "/v1/responses")
_NO_PATH = "no such path: this server has /v1/models, /v1/completions and /v1/chat/completions"
_CODES = {
    "unauthorized": "invalid_api_key",
    "scope": "insufficient_scope",
    "model-not-found": "model_not_found",
    "limited": "rate_limit_exceeded",
    "overloaded": "rate_limit_exceeded",
}


class OpenAIError(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIErrorBody(BaseModel):
    error: OpenAIError


def is_openai(path: str) -> bool:
    """Return whether a path is the OpenAI API's, whether or not there is anything there."""
    return any(path == known or path.startswith(f"{known}/") for known in _PATHS)


def status_of(problem: Problem) -> int:
    """Return the status that the OpenAI API has for it: its clients know no 422."""
    return 400 if problem.status == 422 else problem.status


def error_of(problem: Problem) -> OpenAIErrorBody:
    """Say a problem in the form of the OpenAI API."""
    slug = problem.type.rpartition("/")[2]
    places = [(param_of(each.pointer) or each.parameter, each.detail) for each in problem.errors or ()]
    message = problem.detail or problem.title
    if places:
        message = "; ".join(detail if param is None else f"{param}: {detail}" for param, detail in places)
    elif slug == "not-found":
        message = _NO_PATH
    kind = "invalid_request_error"
    if problem.status == 429:
        kind = "rate_limit_error"
    elif problem.status >= 500:
        kind = "server_error"
    param = places[0][0] if places else None
    return OpenAIErrorBody(error=OpenAIError(message=message, type=kind, param=param, code=_CODES.get(slug)))


def param_of(pointer: str | None) -> str | None:
    """Return a JSON pointer in the way of the OpenAI API: `/messages/0/content` is `messages[0].content`."""
    if not pointer:
        return None
    param = ""
    for step in pointer[1:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        param += f"[{name}]" if name.isdecimal() else f".{name}" if param else name
    return param


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare for the document that a route may answer with these statuses, in this form."""
    return {status: {"description": "An error", "model": OpenAIErrorBody} for status in statuses}
