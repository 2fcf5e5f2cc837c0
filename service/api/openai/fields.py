"""Fields that may be of several forms, or of one value only."""

from typing import Annotated, Any, TypeAlias

from pydantic import GetCoreSchemaHandler, PlainValidator, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

_STOPS, _LONGEST_STOP = 4, 1000
_TEXT = {"type": "string"}
_IDS = {"type": "array", "items": {"type": "integer", "minimum": 0}}


class Only:
    """Marks a field that may be left out, null or one of these values, which change nothing; any other is refused."""

    def __init__(self, *values: Any) -> None:
        self._values = (*values, None)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._checked)

    def __get_pydantic_json_schema__(self, *_: Any) -> dict[str, Any]:
        return {"enum": list(self._values)}

    def _checked(self, given: Any) -> Any:
        if not any(given == value and isinstance(given, bool) == isinstance(value, bool) for value in self._values):
            raise ValueError("only its default is supported: leave it out")
        return given


def _is_ids(given: Any) -> bool:
    return isinstance(given, list) and all(type(each) is int and each >= 0 for each in given)


def _prompts(given: Any) -> list[str | list[int]]:
    """Return one or more prompts, each a text or token ids."""
    if given is None:
        return [""]
    if isinstance(given, str) or _is_ids(given):
        return [given]
    if isinstance(given, list) and (all(isinstance(each, str) for each in given) or all(map(_is_ids, given))):
        return given
    raise ValueError("must be a text, token ids, or a list of either")


def _stops(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    stops = [given] if isinstance(given, str) else given
    if not isinstance(stops, list) or len(stops) > _STOPS or not all(map(_is_stop, stops)):
        raise ValueError(f"must be up to {_STOPS} strings of 1 to {_LONGEST_STOP} characters")
    return tuple(stops)


def _is_stop(given: Any) -> bool:
    return isinstance(given, str) and 0 < len(given) <= _LONGEST_STOP


def _content(given: Any) -> str:
    """Return the text of a message, which may come in parts."""
    if given is None or isinstance(given, str):
        return given or ""
    if not isinstance(given, list) or not all(_is_text(part) for part in given):
        raise ValueError("must be a text, or a list of parts of type text")
    return "".join(part["text"] for part in given)


def _is_text(part: Any) -> bool:
    is_text = isinstance(part, dict) and part.keys() == {"type", "text"} and part["type"] == "text"
    return is_text and isinstance(part["text"], str)


def _any_of(*schemas: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [*schemas, {"type": "null"}]})


def _list_of(items: dict[str, Any], **bounds: int) -> dict[str, Any]:
    return {"type": "array", "items": items, **bounds}


_SIGNS = {"type": "string", "minLength": 1, "maxLength": _LONGEST_STOP}
_PART = {
    "type": "object",
    "properties": {"type": {"const": "text"}, "text": _TEXT},
    "required": ["type", "text"],
    "additionalProperties": False,
}
Prompts: TypeAlias = Annotated[
    list[str | list[int]], PlainValidator(_prompts), _any_of(_TEXT, _IDS, _list_of(_TEXT), _list_of(_IDS))
]
StopStrings: TypeAlias = Annotated[
    tuple[str, ...], PlainValidator(_stops), _any_of(_SIGNS, _list_of(_SIGNS, maxItems=_STOPS))
]
Content: TypeAlias = Annotated[str, PlainValidator(_content), _any_of(_TEXT, _list_of(_PART))]
