"""WS /v1/stream of a real server: what is wrong is refused whole, changes nothing, and ends at most its own stream."""

import math
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from realnet.client import JSON, MSGPACK, Message, StreamClosed, open_stream
from tests.api.asking import BOTH, answer, next_of
from tests.running_server import RunningServer

pytestmark = pytest.mark.anyio

INPUT = {"type": "input", "seq": 1}


@BOTH
@pytest.mark.parametrize(
    ("message", "pointers"),
    [
        (INPUT | {"tokens": [1, 2, 256]}, ["/tokens/2"]),
        (INPUT | {"tokens": [1, -1]}, ["/tokens/1"]),
        (INPUT | {"tokens": [0.5]}, ["/tokens/0"]),
        (INPUT | {"text": 5}, ["/text"]),
        (INPUT | {"text": "x" * 70_000}, ["/text"]),
        (INPUT | {"frames": [[0.5]]}, ["/frames"]),
        (INPUT | {"text": "he", "more": 1}, ["/more"]),
        ({"type": "input", "seq": 0, "text": "he"}, ["/seq"]),
        ({"type": "teach", "text": "he"}, ["/type"]),
        ({"type": "generate", "seq": 1, "prompt": "he", "max_tokens": 10**6}, ["/max_tokens"]),
        ([INPUT], [""]),
    ],
)
async def test_what_is_wrong_is_refused_whole(
    server: RunningServer, subprotocol: str, message: Any, pointers: list[str]
) -> None:
    before = server.weights()
    async with open_stream(server.url, subprotocol=subprotocol) as client:
        error = await answer(client, message)
        assert error["type"] == "error"
        assert error["ref"] == (1 if isinstance(message, dict) and message.get("seq") else None)
        assert error["problem"]["status"] == 422
        assert [place["pointer"] for place in error["problem"]["errors"]] == pointers
        assert server.weights() == before
        # Its seq is not used up, and the stream goes on.
        assert (await answer(client, {"type": "input", "seq": 1, "text": "a"}))["type"] == "ack"


@BOTH
@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        ({"frames": [[0, 0, 0], [0, 0, 1.001]]}, "/frames/1/2"),
        ({"frames": [[0, 0, 0], [0, 0]]}, "/frames/1"),
        ({"frames": [[0, 0, 0]], "teachers": [[0]]}, "/teachers/0"),
        ({"frames": [[0, 0, 0]], "teachers": []}, "/teachers"),
        ({"frames": [[0, 0, 0]], "teachers": [[0, -0.5]]}, "/teachers/0/1"),
        ({"text": "he"}, "/text"),
        ({"tokens": [1]}, "/tokens"),
    ],
)
async def test_wrong_frames_are_refused_whole(
    frames_server: RunningServer, subprotocol: str, content: Message, pointer: str
) -> None:
    before = frames_server.weights()
    async with open_stream(frames_server.url, subprotocol=subprotocol) as client:
        error = await answer(client, INPUT | content)
        assert [place["pointer"] for place in error["problem"]["errors"]] == [pointer]
    assert frames_server.weights() == before


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
async def test_numbers_that_are_none_are_refused_whole(frames_server: RunningServer, number: float) -> None:
    before = frames_server.weights()
    async with open_stream(frames_server.url, subprotocol=MSGPACK) as client:
        for content in ({"frames": [[0, 0, number]]}, {"frames": [[0, 0, 0]], "teachers": [[0, number]]}):
            assert (await answer(client, INPUT | content))["problem"]["status"] == 422
    assert frames_server.weights() == before


async def test_a_net_of_frames_generates_nothing(frames_server: RunningServer) -> None:
    async with open_stream(frames_server.url) as client:
        error = await answer(client, {"type": "generate", "seq": 1, "prompt": "he"})
        assert (error["ref"], error["problem"]["status"]) == (1, 409)


@pytest.mark.parametrize(("subprotocol", "raw"), [(JSON, '{"type": '), (JSON, "NaN"), (MSGPACK, b"\x81\xa4type")])
async def test_what_cannot_be_read_is_refused(server: RunningServer, subprotocol: str, raw: str | bytes) -> None:
    before = server.weights()
    async with open_stream(server.url, subprotocol=subprotocol) as client:
        await client.connection.send(raw)
        error = await next_of(client, "error")
        assert (error["ref"], error["problem"]["status"]) == (None, 400)
        assert (await answer(client, {"type": "ping", "seq": 3})) == {"type": "pong", "ref": 3}
    assert server.weights() == before


@pytest.mark.parametrize(
    ("subprotocol", "raw", "text", "code"),
    [
        (JSON, b'{"type": "ping"}', None, 1003),
        (MSGPACK, '{"type": "ping"}', None, 1003),
        (JSON, b"\xff\xfe", True, 1007),
        (JSON, " " * (2**20 + 1), None, 1009),
        (MSGPACK, b" " * (2**20 + 1), None, 1009),
    ],
)
async def test_a_broken_protocol_ends_the_stream(
    server: RunningServer, subprotocol: str, raw: str | bytes, text: bool | None, code: int
) -> None:
    before = server.weights()
    async with open_stream(server.url, subprotocol=subprotocol) as client, open_stream(server.url) as other:
        await client.connection.send(raw, text=text)
        with pytest.raises(StreamClosed) as closed:
            await next_of(client, "pong")
        assert closed.value.code == code
        assert (await answer(other, {"type": "ping"}))["type"] == "pong"
    assert server.weights() == before


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {"origin": Origin("http://elsewhere.example")}, 403),
        ("", {"origin": Origin("null")}, 403),
        ("?client_id=", {}, 422),
        (f"?client_id={'x' * 129}", {}, 422),
        ("", {"subprotocols": [Subprotocol("realnet.v9.json")]}, 422),
    ],
)
async def test_a_handshake_that_is_refused(server: RunningServer, query: str, headers: Any, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://127.0.0.1:{server.port}/v1/stream{query}", **headers)
    assert refused.value.response.status_code == status
    assert refused.value.response.headers["Content-Type"] == "application/problem+json"
    assert msgspec.json.decode(refused.value.response.body)["status"] == status
