"""Strict request bodies, bounded numbers, and where a body is wrong."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from service.errors import ErrorLocation

LABEL_LENGTH = 64  # signs of whom an input is from
SESSION_LENGTH = 64  # signs of a session's name
_PLACES = 16  # errors told of one request
_NAME = 80  # signs of a client's own name repeated in a pointer


def locations_of(errors: Iterable[Mapping[str, Any]]) -> list[ErrorLocation]:
    """From pydantic's `errors()`, with locations that begin with `body`, `query` or `path`."""
    places = []
    for error in errors:
        where, *steps = error["loc"]
        detail = error["msg"].removeprefix("Value error, ")
        if where == "body":
            places.append(ErrorLocation(detail=detail, pointer="".join(f"/{_step(step)}" for step in steps)))
        else:
            places.append(ErrorLocation(detail=detail, parameter=_step(steps[0]) if steps else where))
        if len(places) == _PLACES:
            break
    return places


def _step(step: str | int) -> str:
    """As in RFC 6901, but short and printable: the name of an unknown field is the client's."""
    name = str(step)[:_NAME].encode(errors="replace").decode()
    return name.replace("~", "~0").replace("/", "~1")


# A bound does more than FiniteFloat: 1e39 is finite, but infinite in float32. `fail_fast`: a long list is wrong once.
Unit = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Row = Annotated[list[Unit], Field(fail_fast=True)]
Token = Annotated[int, Ge(0), Le(2**31 - 1)]


def is_session(name: str) -> bool:
    """Return whether a session may have this name."""
    return 0 < len(name) <= SESSION_LENGTH and name.isprintable() and name not in (".", "..")


def check_session(name: str) -> str:
    """Return the name of a session. Raises ValueError."""
    if not is_session(name):
        raise ValueError(f"1 to {SESSION_LENGTH} printable signs, other than . and .., which a URL has no place for")
    return name


SessionName = Annotated[str, AfterValidator(check_session)]


class Body(BaseModel):
    """What a client sends: nothing is coerced, nothing unknown is overlooked."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _has_no_more_fields_than_there_are(cls, given: Any) -> Any:
        if isinstance(given, dict) and len(given) > len(cls.model_fields) + 1:  # each is told of, so not a million
            raise ValueError("more fields than there are")
        return given
