"""The OpenAPI document: with what is not answered through pydantic, and what the gateway adds to every operation."""

from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import FastAPI
from starlette.routing import BaseRoute

from service.api.access import scope_of
from service.api.encoding import FrameOutput, TokenOutput
from service.auth.keys import Scope
from service.errors import MEDIA_TYPE, Problem

_OF_KEYS = (400, 401, 403, 429)
# What changes the net may be refused by a server that follows: 409 where it only reads, 503 without a leader.
_REFUSALS = {
    Scope.MERGE: (*_OF_KEYS, 409, 503),
    Scope.OPEN: (400, 403),
    Scope.READ: _OF_KEYS,
    Scope.TEACH: (*_OF_KEYS, 409, 503),
    Scope.ADMIN: (*_OF_KEYS, 409, 503),
}


DESCRIPTION = """
What is under `/v1/` is about the net named `default`. Other nets are made by `POST /v1/nets`, and
`/v1/nets/{name}/…` is of each of them what `/v1/…` is of that one, with the same methods, bodies and answers: so
`POST /v1/nets/{name}/inputs`, `WS /v1/nets/{name}/stream`, and `/v1/nets/{name}/api/v1/write` for Prometheus. Beside
what each declares, such a path answers 404 where there is no net of this name, 503 with `Retry-After` where it cannot
be woken in time, and 500 where it is damaged. Only `/v1/nets` itself and `/v1/hive` are of the server alone.
"""


class Api(FastAPI):
    """FastAPI with a document that is true to the behaviour."""

    guarded: Sequence[BaseRoute] = ()
    keys_required = False

    def openapi(self) -> dict[str, Any]:
        """Return the document, with all schemas, and without FastAPI's own 422, which is never sent."""
        if self.openapi_schema is None:
            document = super().openapi()
            place = "#/components/schemas/{%s}"
            schemas = document["components"]["schemas"]
            _, others = msgspec.json.schema_components([TokenOutput, FrameOutput], ref_template=place % "name")
            problem = Problem.model_json_schema(ref_template=place % "model")
            schemas |= others | problem.pop("$defs") | {"Problem": problem}
            for operations in document["paths"].values():
                for operation in operations.values():
                    if "HTTPValidationError" in str(operation["responses"].get("422")):
                        del operation["responses"]["422"]
            declare_keys(document, self.guarded, self.keys_required)
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
        assert self.openapi_schema is not None
        return self.openapi_schema


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
            for status in _REFUSALS[scope]:
                operation["responses"].setdefault(str(status), {"description": "A problem", "content": content})
            if scope is not Scope.OPEN:
                operation["security"] = [{"key": []}] if required else [{}, {"key": []}]
                operation["x-scope"] = scope.word
