"""Whatever bytes come, they are exactly a message or refused whole, with a problem that names the place."""

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.stream.protocol import (
    CODECS,
    JSON,
    MSGPACK,
    Ack,
    BadMessage,
    ClientMessage,
    Codec,
    Event,
    Generated,
    GenerateMessage,
    Hello,
    InputMessage,
    OutputsMessage,
    PingMessage,
    Pong,
    ServerMessage,
    Tokens,
    error_message,
)
from service.errors import ErrorLocation, Invalid, problem_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NEARLY = st.fixed_dictionaries(
    {"type": st.sampled_from(["input", "generate", "ping"])},
    optional={
        "seq": st.integers(-1, 3) | VALUES,
        "text": st.text(max_size=4) | VALUES,
        "tokens": st.lists(st.integers(-1, 256), max_size=4) | VALUES,
        "frames": st.lists(st.lists(st.floats(-0.1, 1.1), max_size=3), max_size=3) | VALUES,
        "teachers": VALUES,
        "learn": VALUES,
        "prompt": VALUES,
        "other": VALUES,
    },
)
BOTH = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)


def written(codec: Codec, message: object) -> bytes:
    return msgspec.msgpack.encode(message) if codec is CODECS[MSGPACK] else msgspec.json.encode(message)


def read(codec: Codec, raw: bytes | str) -> ClientMessage | BadMessage:
    """Any other exception is a bug."""
    try:
        return codec.read(raw)
    except BadMessage as refused:
        return refused


def refusal(codec: Codec, raw: bytes | str) -> BadMessage:
    refused = read(codec, raw)
    assert isinstance(refused, BadMessage)
    return refused


@BOTH
@given(raw=st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(codec: Codec, raw: bytes) -> None:
    read(codec, raw)


@given(text=st.text(max_size=64))
def test_any_text_is_read_or_refused(text: str) -> None:
    read(CODECS[JSON], text)


@BOTH
@given(value=VALUES | NEARLY)
def test_any_value_is_read_or_refused(codec: Codec, value: object) -> None:
    message = read(codec, written(codec, value))
    if isinstance(message, BadMessage):
        assert message.problem.status in (400, 422)
        json.dumps(error_message(message.problem, message.ref).problem, allow_nan=False)
    if isinstance(message, InputMessage):
        assert message.seq >= 1
        for row in message.frames or []:
            assert all(math.isfinite(number) and 0 <= number <= 1 for number in row)


@BOTH
def test_the_messages_of_the_design_are_read(codec: Codec) -> None:
    text = codec.read(written(codec, {"type": "input", "seq": 1, "text": "he"}))
    assert isinstance(text, InputMessage)
    assert (text.seq, text.text, text.learn) == (1, "he", True)
    frames = codec.read(
        written(
            codec,
            {"type": "input", "seq": 2, "frames": [[0, 1], [0.5, 1.0]], "teachers": [[1.0], None], "learn": False},
        )
    )
    assert isinstance(frames, InputMessage)
    assert (frames.frames, frames.teachers, frames.learn) == ([[0.0, 1.0], [0.5, 1.0]], [[1.0], None], False)
    generate = codec.read(written(codec, {"type": "generate", "seq": 3, "prompt": "he", "max_tokens": 5}))
    assert isinstance(generate, GenerateMessage)
    assert (generate.seq, generate.prompt, generate.max_tokens) == (3, "he", 5)
    assert isinstance(codec.read(written(codec, {"type": "ping"})), PingMessage)


INPUT = {"type": "input", "seq": 7}


@BOTH
@pytest.mark.parametrize(
    ("message", "pointer", "ref"),
    [
        ({"type": "output", "seq": 7}, "/type", 7),
        ({"type": ["input"], "seq": 7}, "/type", 7),
        ({"seq": 7}, "/type", 7),
        ({"type": "input", "text": "he"}, "/seq", None),
        ({"type": "input", "seq": 0, "text": "he"}, "/seq", None),
        ({"type": "input", "seq": -1, "text": "he"}, "/seq", None),
        ({"type": "input", "seq": 2**53, "text": "he"}, "/seq", None),
        ({"type": "input", "seq": 1.0, "text": "he"}, "/seq", None),
        ({"type": "input", "seq": True, "text": "he"}, "/seq", None),
        (INPUT, "", 7),
        (INPUT | {"text": ""}, "/text", 7),
        (INPUT | {"text": "he", "tokens": [1]}, "", 7),
        (INPUT | {"text": 5}, "/text", 7),
        (INPUT | {"tokens": []}, "/tokens", 7),
        (INPUT | {"tokens": [1, 2, -1]}, "/tokens/2", 7),
        (INPUT | {"tokens": [1, "2"]}, "/tokens/1", 7),
        (INPUT | {"tokens": [1, 2.5]}, "/tokens/1", 7),
        (INPUT | {"tokens": [1, True]}, "/tokens/1", 7),
        (INPUT | {"tokens": [2**63]}, "/tokens/0", 7),
        (INPUT | {"frames": [[0.5, 1.5]]}, "/frames/0/1", 7),
        (INPUT | {"frames": [[0.5, 1e39]]}, "/frames/0/1", 7),
        (INPUT | {"frames": [[0.5], [None]]}, "/frames/1/0", 7),
        (INPUT | {"frames": [0.5]}, "/frames/0", 7),
        (INPUT | {"frames": [[0.5]], "teachers": [[-0.1]]}, "/teachers/0/0", 7),
        (INPUT | {"text": "he", "teachers": [None]}, "", 7),
        (INPUT | {"text": "he", "learn": 1}, "/learn", 7),
        (INPUT | {"text": "he", "a/b~" + "c" * 200: 1}, "/a~1b~0" + "c" * 76, 7),
        ({"type": "generate", "prompt": 5}, "/prompt", None),
        ({"type": "generate", "seq": 7, "temperature": -1.0}, "/temperature", 7),
        ({"type": "ping", "seq": "7"}, "/seq", None),
    ],
)
def test_a_refusal_names_the_place(codec: Codec, message: dict[str, Any], pointer: str, ref: int | None) -> None:
    refused = refusal(codec, written(codec, message))
    assert refused.problem.status == 422
    assert [place.pointer for place in refused.problem.errors or []] == [pointer]
    assert refused.ref == ref


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused(number: float) -> None:
    packed = refusal(CODECS[MSGPACK], msgspec.msgpack.encode(INPUT | {"frames": [[0.5], [number]]}))
    assert [place.pointer for place in packed.problem.errors or []] == ["/frames/1/0"]
    assert refusal(CODECS[JSON], json.dumps(INPUT | {"frames": [[number]]})).problem.status == 400


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[1]",
        b'"input"',
        b'{"type": "ping"} {}',
        b'\xef\xbb\xbf{"type": "ping"}',
        b'{"type": "ping", "seq": 1e400}',
        b'{"type": "ping", "seq": ' + b"9" * 400 + b"}",
        b'{"type": "ping", "seq": ' + b"[" * 100_000 + b"}",
        b'{"type": "input", "seq": 1, "text": "\xff"}',
        b'{"type": "input", "seq": 1, "text": "\\ud800"}',
    ],
)
def test_what_is_no_message_in_json_is_refused(raw: bytes) -> None:
    refusal(CODECS[JSON], raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        b"\x91\x01",
        b"\x81\x01\x02",
        b"\x81\xa4type\xa4ping\x00",
        b"\x81\xa4type\xc4\x04ping",  # bytes, not text
        b"\x82\xa4type\xa4ping\xa3seq\xc7\x01\x05\x00",  # an extension
        b"\x82\xa4type\xa4ping\xa3seq" + b"\x91" * 100_000,
        b"\x82\xa4type\xa4ping\xa3seq\xdd\xff\xff\xff\xff",  # says that it is four thousand million long
    ],
)
def test_what_is_no_message_in_messagepack_is_refused(raw: bytes) -> None:
    refusal(CODECS[MSGPACK], raw)


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    for raw in ('{"type": "secret"}', '{"type": "ping", "seq": "secret"}', '["secret"]', "secret"):
        assert "secret" not in str(error_message(refusal(CODECS[JSON], raw).problem, None))


PROBLEM = problem_of(Invalid([ErrorLocation(detail="wrong", pointer="/tokens/3")]))


@BOTH
@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            Hello(1, 7, {"tick": 0}, 5),
            {"type": "hello", "protocol": 1, "last_seq": 7, "net": {"tick": 0}, "last_observed": 5},
        ),
        (Ack(1, 2), {"type": "ack", "seq": 1, "tick": 2}),
        (Ack(3, 4, 2, 1), {"type": "ack", "seq": 3, "tick": 4, "count": 2, "first_tick": 1}),
        (
            OutputsMessage(5, 7, 2, token=[104, 101], surprise=[2.0, 1.5], predicted=None),
            {
                "type": "outputs",
                "position": 5,
                "first_tick": 7,
                "count": 2,
                "token": [104, 101],
                "surprise": [2.0, 1.5],
                "predicted": None,
            },
        ),
        (Event("dropped", count=512), {"type": "event", "name": "dropped", "count": 512}),
        (Event("mode", mode="resting"), {"type": "event", "name": "mode", "mode": "resting"}),
        (
            error_message(PROBLEM, 1),
            {
                "type": "error",
                "ref": 1,
                "problem": {
                    "type": "/problems/invalid",
                    "title": PROBLEM.title,
                    "status": 422,
                    "errors": [{"detail": "wrong", "pointer": "/tokens/3"}],
                },
            },
        ),
        (Tokens(None, "a", [97]), {"type": "tokens", "ref": None, "text": "a", "tokens": [97]}),
        (
            Generated(3, "a", [97], 9, "length"),
            {"type": "generated", "ref": 3, "text": "a", "tokens": [97], "tick": 9, "finish_reason": "length"},
        ),
        (Pong(None), {"type": "pong", "ref": None}),
    ],
)
def test_the_servers_messages_have_the_forms_of_the_design(
    codec: Codec, message: ServerMessage, expected: dict[str, Any]
) -> None:
    assert codec.decode(codec.encode(message)) == expected
