"""Define the messages of `WS /v1/stream`, in JSON or MessagePack; the schemas of REST check their content."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
import numpy as np
from annotated_types import Ge, Le
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray
from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from realnet.outputs import Level
from service.api.schemas import Input, Prompt
from service.api.stream_schemas import Rows, Which
from service.api.typed_input import MAX_SEQ, JsonInput, MsgpackInput
from service.errors import ErrorLocation, Invalid, Problem, problem_of, problem_of_status
from service.validation import Body, Token, locations_of

PROTOCOL = 2  # an ack may be of several inputs
JSON, MSGPACK = "realnet.v1.json", "realnet.v1.msgpack"  # subprotocols

Seq: TypeAlias = Annotated[int, Ge(1), Le(MAX_SEQ)]


def _bytes_as_they_are(given: object, validate: ValidatorFunctionWrapHandler) -> object:
    return given if isinstance(given, bytes) and given else validate(given)


class InputMessage(Input):
    """An input. `seq` increases: one that is not above all accepted before is acknowledged and not learnt again.

    Refused are other content under the last `seq` or one that is being run, and a `seq` more than 2**32 below the last;
    of those between only the number is known. A refused input may be sent again, corrected: under its own `seq` until a
    later one is accepted, then under a new one.
    """

    type: Literal["input"]
    seq: Seq
    tokens: (
        Annotated[  # in MessagePack also bytes, as `Interface.parse` takes them
            list[Token], Field(min_length=1, fail_fast=True), WrapValidator(_bytes_as_they_are)
        ]
        | None
    ) = None


class ObserveMessage(Rows):
    """Rows of a stream, which are told of as by POST /v1/observe.

    `seq` increases, and is counted apart from that of inputs: rows under one that is not above all before are not told
    of again. Rows that the stream has refused have used it.
    """

    type: Literal["observe"]
    seq: Seq
    told: Which = "all"


class GenerateMessage(Prompt):
    """A prompt. `seq` is any number of the client's choice, which the answers have as `ref`."""

    type: Literal["generate"]
    seq: Seq | None = None


class PingMessage(Body):
    """Asks for a `pong`."""

    type: Literal["ping"]
    seq: Seq | None = None


class SubscribeMessage(Body):
    """Which outputs are sent from now on."""

    type: Literal["subscribe"]
    outputs: Level
    seq: Seq | None = None


ClientMessage: TypeAlias = InputMessage | ObserveMessage | GenerateMessage | PingMessage | SubscribeMessage

KINDS: Mapping[str, type[ClientMessage]] = {
    "input": InputMessage,
    "observe": ObserveMessage,
    "generate": GenerateMessage,
    "ping": PingMessage,
    "subscribe": SubscribeMessage,
}


class Hello(msgspec.Struct, tag="hello"):
    """The first message. `last_seq` is the client's last durable input, `net` is the net as in GET /v1/net.

    `last_observed` is the `seq` of the client's last rows of a stream.
    """

    protocol: int
    last_seq: int
    net: dict[str, Any]
    last_observed: int = 0


class Ack(msgspec.Struct, tag="ack", gc=False, omit_defaults=True):
    """All inputs up to `seq` are durable and were run, the last `count` of them just now.

    `first_tick` … `tick` are the ticks of these inputs. Of a repeated input `first_tick` is left out, and `tick` may be
    a later one. A `count` of 1 is left out.
    """

    seq: int
    tick: int
    count: int = 1
    first_tick: int = 0


class OutputsMessage(msgspec.Struct, tag="outputs"):
    """Outputs of the ticks from `first_tick` on, `count` of them, in columns: lists in JSON, else bytes.

    There are those columns that the client asks for; null is one that was not computed for these ticks. `position` is
    that of the first among all outputs since the server began: ticks without input have none. All are of one `session`,
    or where that is left out of none.
    """

    position: int
    first_tick: int
    count: int
    token: Any = UNSET
    surprise: Any = UNSET
    predicted: Any = UNSET
    next_token: Any = UNSET
    next_probability: Any = UNSET
    values: Any = UNSET  # of a net of frames
    session: str | UnsetType = UNSET


class Event(msgspec.Struct, tag="event", omit_defaults=True):
    """An event: `dropped` has `count`, and `mode`, `snapshot`, `job` and `news` have a field of their own name.

    `news` is an event of a stream that is watched, as in GET /v1/events.
    """

    name: str
    count: int | None = None
    mode: str | None = None
    snapshot: dict[str, Any] | None = None
    job: dict[str, Any] | None = None
    news: dict[str, Any] | None = None


class ObservedMessage(msgspec.Struct, tag="observed"):
    """Rows of a stream are durable, and this is what is told of them, as in the answer to POST /v1/observe."""

    ref: int
    stream: str
    accepted: int
    first_row: int | None
    told: list[dict[str, Any]]


class Error(msgspec.Struct, tag="error"):
    """A message was refused. `ref` is its `seq`, or null if it has none that can be read."""

    ref: int | None
    problem: dict[str, Any]


class Tokens(msgspec.Struct, tag="tokens"):
    """More tokens of a generation. `text` may lag behind them by the bytes of one character."""

    ref: int | None
    text: str
    tokens: list[int]


class Generated(msgspec.Struct, tag="generated"):
    """A generation has ended; this is all of it."""

    ref: int | None
    text: str
    tokens: list[int]
    tick: int
    finish_reason: str


class Pong(msgspec.Struct, tag="pong"):
    """The answer to `ping`."""

    ref: int | None


class Subscribed(msgspec.Struct, tag="subscribed"):
    """The answer to `subscribe`; what is sent after it is at that level."""

    ref: int | None
    outputs: Level


class Watched(msgspec.Struct, tag="watch"):
    """What goes on, twice a second, to streams that watch.

    `net` is as in GET /v1/net; `expected` and `activity` are as under it, null of a net that cannot tell. `thinks` is
    what the net thinks while nothing comes, the last 200 tokens; null unless `self_loop` is on.
    """

    net: dict[str, Any]
    expected: dict[str, Any] | None
    activity: dict[str, Any] | None
    thinks: str | None = None


ServerMessage: TypeAlias = (
    Hello | Ack | ObservedMessage | OutputsMessage | Event | Error | Tokens | Generated | Pong | Subscribed | Watched
)


class BadMessage(Exception):
    """A message that was refused whole."""

    def __init__(self, problem: Problem, ref: int | None = None) -> None:
        super().__init__(problem.title)
        self.problem = problem
        self.ref = ref


@dataclass(slots=True, frozen=True)
class Codec:
    """An encoding of messages, in binary or in text frames; a message in the other kind breaks the protocol.

    `column` makes an array what a message has in it.
    """

    name: str
    subprotocol: str
    binary: bool
    encode: Callable[[ServerMessage], bytes]
    decode: Callable[[Any], dict[str, Any]]
    decode_input: Callable[[Any], MsgpackInput]
    column: Callable[[NDArray[Any]], object]

    def read_input(self, raw: bytes | str) -> MsgpackInput | None:
        """Decode an input. Returns None for anything else, and for one that only `read` can judge."""
        try:
            return self.decode_input(raw)
        except (ValueError, RecursionError):
            return None

    def read(self, raw: bytes | str) -> ClientMessage:
        """Decode and check a message. Raises BadMessage for anything else."""
        try:
            given = self.decode(raw)
        except msgspec.ValidationError as error:  # well-formed, but not what any message has in it
            raise _invalid([ErrorLocation(detail=str(error).partition(" - at ")[0], pointer="")]) from None
        except (ValueError, RecursionError):
            raise BadMessage(problem_of_status(HTTPStatus.BAD_REQUEST, f"not {self.name}")) from None
        seq = given.get("seq")
        ref = seq if type(seq) is int and 0 < seq < 2**53 else None
        tag = given.get("type")
        kind = KINDS.get(tag) if isinstance(tag, str) else None
        if kind is None:
            raise _invalid([ErrorLocation(detail=f"one of {', '.join(map(str, KINDS))}", pointer="/type")], ref)
        try:
            return kind.model_validate(given)
        except ValidationError as error:
            raise _invalid(locations_of(_in_body(error)), ref) from None


def _listed(column: NDArray[Any]) -> list[Any]:
    """Return an array as a list, numbers that are not whole with `_DECIMALS`: all 17 digits are three times as long."""
    if np.issubdtype(column.dtype, np.floating):
        column = column.astype(np.float64).round(_DECIMALS)
    listed: list[Any] = column.tolist()
    return listed


_DECIMALS = 6

CODECS: Mapping[str, Codec] = {
    JSON: Codec(
        "JSON",
        JSON,
        False,
        msgspec.json.encode,
        msgspec.json.Decoder(dict[str, Any]).decode,
        msgspec.json.Decoder(JsonInput).decode,
        _listed,
    ),
    MSGPACK: Codec(
        "MessagePack",
        MSGPACK,
        True,
        msgspec.msgpack.encode,
        msgspec.msgpack.Decoder(dict[str, Any]).decode,
        msgspec.msgpack.Decoder(MsgpackInput).decode,
        np.ndarray.tobytes,
    ),
}


def error_message(problem: Problem, ref: int | None) -> Error:
    return Error(ref, problem.model_dump(exclude_none=True))


def _invalid(places: list[ErrorLocation], ref: int | None = None) -> BadMessage:
    return BadMessage(problem_of(Invalid(places)), ref)


def _in_body(error: ValidationError) -> list[dict[str, Any]]:
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    return [{**each, "loc": ("body", *each["loc"])} for each in errors]
