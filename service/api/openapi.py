"""The OpenAPI document: what the gateway adds to every operation."""

from collections.abc import Sequence
from typing import Any

from starlette.routing import BaseRoute

from service.api.access import scope_of
from service.auth.keys import Scope
from service.errors import MEDIA_TYPE


def declare_keys(document: dict[str, Any], routes: Sequence[BaseRoute], required: bool) -> None:
    """Add to every operation what the gateway does: the key it asks for, its scope, and how it refuses."""
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for route in routes:
        for method in getattr(route, "methods", None) or ():
            operation = document["paths"].get(getattr(route, "path_format", ""), {}).get(method.lower())
            scope = scope_of(getattr(route, "endpoint", None))
            if operation is None:
                continue
            for status in (400, 403) if scope is Scope.OPEN else (400, 401, 403, 429):
                operation["responses"].setdefault(str(status), {"description": "A problem", "content": content})
            if scope is not Scope.OPEN:
                operation["security"] = [{"key": []}] if required else [{}, {"key": []}]
                operation["x-scope"] = scope.word
