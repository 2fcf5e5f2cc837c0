"""The AsyncAPI document of `WS /v1/stream`, made of the types that the codec reads and writes.

`python -m service.api.stream.asyncapi > docs/asyncapi.yaml` writes it to a file; it needs PyYAML.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from inspect import cleandoc
from typing import Any, get_args

import msgspec
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from realnet.outputs import LEVELS
from service.api.schemas import Net
from service.api.stream.protocol import JSON, KINDS, MSGPACK, Event, ObservedMessage, ServerMessage
from service.errors import Problem
from service.jobs.job import Job
from service.snapshots.snapshot import Snapshot
from service.streams.shown import News, Told
from service.validation import SESSION_LENGTH

Schema = dict[str, Any]

_SCHEMAS = "#/components/schemas/"
_SERVER = get_args(ServerMessage)
_OPERATIONS: Mapping[str, tuple[str, ...]] = {  # a client's message, and what may be answered
    "input": ("ack", "error"),
    "observe": ("observed", "error"),
    "generate": ("tokens", "generated", "error"),
    "subscribe": ("subscribed", "error"),
    "ping": ("pong", "error"),
}
_UNASKED = ("hello", "outputs", "event", "watch")
_DESCRIPTION = f"""\
Inputs, outputs, generations and events of a live net on one connection. The first message is the server's `hello`.

With the subprotocol `{JSON}`, or none, messages are JSON in text frames, as described here. With
`{MSGPACK}` they are the same maps in MessagePack in binary frames, where a column of `outputs` is bytes, all
its numbers one after the other, little-endian: tokens of one byte (two where the vocabulary has more than 256),
other numbers of float32. `tokens` of an `input` may be bytes there, too.

`/v1/nets/NAME/stream` is the same of another net than the one named default.

A key is sent as `Authorization: Bearer KEY`, or as the subprotocol `realnet.key.KEY`.
"""


@cache
def asyncapi_document() -> Schema:
    """Return the document, AsyncAPI 3."""
    summaries = {tag: _summary(kind) for tag, kind in (*KINDS.items(), *_server_kinds().items())}
    channel = {"$ref": "#/channels/stream"}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "RealNet", "version": version("realnet-live"), "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {
            "local": {"host": "127.0.0.1:8420", "protocol": "ws", "security": [_ref("securitySchemes", "key")]}
        },
        "channels": {
            "stream": {
                "address": "/v1/stream",
                "messages": {tag: _ref("messages", tag) for tag in summaries},
                "bindings": {"ws": {"method": "GET", "query": _query()}},
            }
        },
        "operations": {
            **{
                tag: {
                    "action": "receive",
                    "channel": channel,
                    "messages": _of_channel([tag]),
                    "reply": {"channel": channel, "messages": _of_channel(replies)},
                }
                for tag, replies in _OPERATIONS.items()
            },
            "unasked": {"action": "send", "channel": channel, "messages": _of_channel(_UNASKED)},
        },
        "components": {
            "messages": {
                tag: {"name": tag, "summary": summary, "payload": {"$ref": _SCHEMAS + _name_of(tag)}}
                for tag, summary in summaries.items()
            },
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "where keys are needed"}},
        },
    }


def _server_kinds() -> dict[str, type[msgspec.Struct]]:
    return {str(kind.__struct_config__.tag): kind for kind in _SERVER}


def _name_of(tag: str) -> str:
    kind: type = KINDS[tag] if tag in KINDS else _server_kinds()[tag]
    return kind.__name__


def _summary(kind: type) -> str:
    """Return the first sentence of the docstring."""
    return str(kind.__doc__).partition("\n")[0].partition(". ")[0].rstrip(".")


def _schemas() -> dict[str, Schema]:
    """Return the schemas of all messages and of what is in them, by name."""
    place = _SCHEMAS + "{%s}"
    told: Iterable[type[BaseModel]] = (Net, Snapshot, Job, News, Told, Problem)
    wanted = [*((kind, "validation") for kind in KINDS.values()), *((kind, "serialization") for kind in told)]
    _, models = models_json_schema(wanted, ref_template=place % "model")  # type: ignore[arg-type]
    _, structs = msgspec.json.schema_components(_SERVER, ref_template=place % "name")
    for struct in structs.values():  # msgspec left docstrings as they are before 0.23
        struct["description"] = cleandoc(struct["description"])
    schemas = {**models["$defs"], **structs}
    for message, field, name in (("Hello", "net", "Net"), ("Watched", "net", "Net"), ("Error", "problem", "Problem")):
        schemas[message]["properties"][field] = {"$ref": _SCHEMAS + name}
    schemas[Event.__name__]["properties"] |= {
        "snapshot": {"$ref": _SCHEMAS + "Snapshot"},
        "job": {"$ref": _SCHEMAS + "Job"},
        "news": {"$ref": _SCHEMAS + News.__name__},
    }
    schemas[ObservedMessage.__name__]["properties"]["told"]["items"] = {"$ref": _SCHEMAS + Told.__name__}
    schemas["OutputsMessage"]["properties"] |= _columns()
    return schemas


def _columns() -> dict[str, Schema]:
    whole, number = {"type": "integer"}, {"type": "number"}
    columns = {name: _column(whole) for name in ("token", "predicted")} | {"surprise": _column(number)}
    rows = {"next_token": whole, "next_probability": number, "values": number}
    return columns | {name: _column({"type": "array", "items": each}) for name, each in rows.items()}


def _column(item: Schema) -> Schema:
    return {"type": ["array", "null"], "items": item}


def _query() -> Schema:
    return {
        "type": "object",
        "properties": {
            "client_id": {"type": "string", "minLength": 1, "maxLength": 128},
            "outputs": {"type": "string", "enum": list(LEVELS), "default": "best"},
            "watch": {"type": "string", "enum": ["true", "false"], "default": "false"},
            "session": {"type": "string", "minLength": 1, "maxLength": SESSION_LENGTH},
        },
    }


def _ref(section: str, name: str) -> Schema:
    return {"$ref": f"#/components/{section}/{name}"}


def _of_channel(tags: Iterable[str]) -> list[Schema]:
    return [{"$ref": f"#/channels/stream/messages/{tag}"} for tag in tags]


if __name__ == "__main__":
    import yaml

    plain = json.loads(json.dumps(asyncapi_document()))  # else what stands in two places would be an anchor
    print(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120), end="")
