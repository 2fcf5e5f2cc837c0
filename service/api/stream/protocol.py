"""The messages of `WS /v1/stream`, as JSON or MessagePack; their content is checked by the schemas of REST."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from annotated_types import Ge, Le
from pydantic import ValidationError

from service.api.encoding import Output
from service.api.schemas import Input, Prompt
from service.errors import ErrorLocation, Invalid, Problem, problem_of, problem_of_status
from service.validation import Body, locations_of

PROTOCOL = 1
JSON, MSGPACK = "realnet.v1.json", "realnet.v1.msgpack"  # subprotocols

Seq: TypeAlias = Annotated[int, Ge(1), Le(2**53 - 1)]  # what a number in JavaScript can count to


class InputMessage(Input):
    """`seq` increases: one that isn't above all accepted before is a repetition, acknowledged and not learnt again.

    Other content under the last `seq`, or under one that is on its way, is refused, and so is a `seq` more than 2**32
    below the last; of those between only the number is known. What was refused may be sent again, corrected, under its
    own `seq` until a later one is accepted, and then under a new one.
    """

    type: Literal["input"]
    seq: Seq


class GenerateMessage(Prompt):
    """`seq` is any number of the client's: it comes back as `ref`."""

    type: Literal["generate"]
    seq: Seq | None = None


class PingMessage(Body):
    type: Literal["ping"]
    seq: Seq | None = None


ClientMessage: TypeAlias = InputMessage | GenerateMessage | PingMessage

_KINDS: Mapping[object, type[ClientMessage]] = {
    "input": InputMessage,
    "generate": GenerateMessage,
    "ping": PingMessage,
}


class Hello(msgspec.Struct, tag="hello"):
    """`last_seq` is the last durable one of this client's; `net` as GET /v1/net has it."""

    protocol: int
    last_seq: int
    net: dict[str, Any]


class Ack(msgspec.Struct, tag="ack", gc=False):
    """The input `seq` is in the journal and was run; `tick` is its last, or, of a repetition, one by which it was."""

    seq: int
    tick: int


class OutputsMessage(msgspec.Struct, tag="outputs"):
    outputs: list[Output]


class Event(msgspec.Struct, tag="event", omit_defaults=True):
    """`dropped` comes with `count`, `mode` with `mode`, `snapshot` with `snapshot`, `job` with `job`."""

    name: str
    count: int | None = None
    mode: str | None = None
    snapshot: dict[str, Any] | None = None
    job: dict[str, Any] | None = None


class Error(msgspec.Struct, tag="error"):
    """`ref` is the `seq` of the message that was refused, null where it has none that can be read."""

    ref: int | None
    problem: dict[str, Any]


class Tokens(msgspec.Struct, tag="tokens"):
    """A few more tokens of a generation. `text` may lag behind them by the bytes of one sign."""

    ref: int | None
    text: str
    tokens: list[int]


class Generated(msgspec.Struct, tag="generated"):
    """The end of a generation, and all of it."""

    ref: int | None
    text: str
    tokens: list[int]
    tick: int
    finish_reason: str


class Pong(msgspec.Struct, tag="pong"):
    ref: int | None


ServerMessage: TypeAlias = Hello | Ack | OutputsMessage | Event | Error | Tokens | Generated | Pong


class BadMessage(Exception):
    """A message that was refused whole."""

    def __init__(self, problem: Problem, ref: int | None = None) -> None:
        super().__init__(problem.title)
        self.problem = problem
        self.ref = ref


@dataclass(slots=True, frozen=True)
class Codec:
    """One of the two forms. A message in the other kind of WebSocket frame breaks the protocol."""

    name: str
    binary: bool
    encode: Callable[[ServerMessage], bytes]
    decode: Callable[[Any], dict[str, Any]]

    def read(self, raw: bytes | str) -> ClientMessage:
        """Raises BadMessage for anything that isn't exactly a message."""
        try:
            given = self.decode(raw)
        except msgspec.ValidationError as error:  # well-formed, but not what any message has in it
            raise _invalid([ErrorLocation(detail=str(error).partition(" - at ")[0], pointer="")]) from None
        except (ValueError, RecursionError):
            raise BadMessage(problem_of_status(HTTPStatus.BAD_REQUEST, f"not {self.name}")) from None
        seq = given.get("seq")
        ref = seq if type(seq) is int and 0 < seq < 2**53 else None
        tag = given.get("type")
        kind = _KINDS.get(tag) if isinstance(tag, str) else None
        if kind is None:
            raise _invalid([ErrorLocation(detail=f"one of {', '.join(map(str, _KINDS))}", pointer="/type")], ref)
        try:
            return kind.model_validate(given)
        except ValidationError as error:
            raise _invalid(locations_of(_in_body(error)), ref) from None


CODECS: Mapping[str, Codec] = {
    JSON: Codec("JSON", False, msgspec.json.encode, msgspec.json.Decoder(dict[str, Any]).decode),
    MSGPACK: Codec("MessagePack", True, msgspec.msgpack.encode, msgspec.msgpack.Decoder(dict[str, Any]).decode),
}


def error_message(problem: Problem, ref: int | None) -> Error:
    return Error(ref, problem.model_dump(exclude_none=True))


def _invalid(places: list[ErrorLocation], ref: int | None = None) -> BadMessage:
    return BadMessage(problem_of(Invalid(places)), ref)


def _in_body(error: ValidationError) -> list[dict[str, Any]]:
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    return [{**each, "loc": ("body", *each["loc"])} for each in errors]
