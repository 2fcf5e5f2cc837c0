"""The fields of a JSON event as symbols."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from realnet.streams.masking import masked

MOST_FIELDS = 128  # of an event that are read, the first by their names
_DEEPEST = 32
_EXACT = 1000  # whole numbers below it are told apart, others by their power of 2


def symbols_of(event: Mapping[str, Any], where: str) -> dict[str, str]:
    """Return the fields of an event, in the order of their names, each as `name=symbol`.

    Nested objects become fields of their own, with a dot between the names; a list is one text. Raises ValueError that
    names the place of what is no JSON.
    """
    flat = dict(sorted(_flat(event, "", where, 0)))
    return {name: f"{name}={flat[name]}" for name in list(flat)[:MOST_FIELDS]}


def token_of(symbol: str) -> int:
    """Return a number of 32 bits for `name=symbol`."""
    return zlib.crc32(symbol.encode())


def _flat(event: Mapping[str, Any], prefix: str, where: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        raise ValueError(f"{where}{prefix} is deeper than {_DEEPEST} objects")
    for key, value in event.items():
        if not isinstance(key, str):
            raise ValueError(f"{where}{prefix}: the name {key!r} must be a text")
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(value, Mapping):
            yield from _flat(value, name, where, depth + 1)
        else:
            yield _in_one_line(name), _symbol(value, f"{where}.{name}")


def _in_one_line(name: str) -> str:
    """Return a name without what ends a line."""
    return " ".join(name.encode(errors="replace").decode().split())


def _symbol(value: object, where: str) -> str:
    if isinstance(value, str):
        return " ".join(masked(value).split())
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return _magnitude(value)
    if isinstance(value, list):
        try:
            return " ".join(masked(json.dumps(value, sort_keys=True)).split())
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"{where} is no JSON: {error}") from error
    raise ValueError(f"{where} is {type(value).__name__}, must be of JSON")


def _magnitude(value: float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    size = abs(value)
    if size < _EXACT and value == int(value):
        return str(int(value))
    power = int(size).bit_length() if size >= 1 else math.frexp(size)[1]
    return f"{'-' if value < 0 else ''}2^{power - 1}"
