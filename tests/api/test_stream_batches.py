"""WS /v1/stream of a real server: inputs that come in one turn of its loop are one record, each still its own."""

from typing import Any

import pytest

from realnet.client import JSON, MSGPACK, Message, open_stream
from tests.api.asking import BOTH, answer, answers, send_at_once
from tests.running_server import RunningServer

pytestmark = pytest.mark.anyio


def inputs(*texts: str) -> list[Message]:
    return [{"type": "input", "seq": seq, "text": text} for seq, text in enumerate(texts, 1)]


def records(server: RunningServer) -> int:
    """How many records the journal has written."""
    lines = server.client.get("/metrics").text.splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("realnet_journal_records_total{"))))


@BOTH
async def test_what_comes_at_once_is_one_record_and_one_ack(server: RunningServer, subprotocol: str) -> None:
    before, tick = records(server), server.net()["tick"]
    async with open_stream(server.url, subprotocol=subprotocol) as client:
        send_at_once(client, inputs(*"one turn of the loop"))
        ack = {"type": "ack", "seq": 20, "count": 20, "first_tick": tick + 1, "tick": tick + 20}
        assert await answers(client, 20) == [ack]
    assert records(server) == before + 1


@BOTH
async def test_a_refused_message_is_told_alone_and_nothing_around_it_is_lost(
    server: RunningServer, subprotocol: str
) -> None:
    snapshot = server.snapshot()["id"]
    for content in ({"text": "abc"}, {"text": "x", "learn": False}, {"text": "de"}):
        server.run(**content)
    expected = server.weights()
    server.client.post(f"/v1/snapshots/{snapshot}/restore").raise_for_status()
    messages: list[Message] = inputs("a", "b", "never", "c", "x", "d", "", "e")
    messages[2] = messages[2] | {"more": 1}
    messages[4] = messages[4] | {"learn": False}
    messages.insert(6, {"type": "ping", "seq": 99})
    seen = server.net()["tokens_seen"]
    async with open_stream(server.url, subprotocol=subprotocol) as client:
        send_at_once(client, messages)
        heard = await answers(client, len(messages))
    refused = [(each["ref"], each["problem"]["errors"][0]["pointer"]) for each in heard if each["type"] == "error"]
    assert refused == [(3, "/more"), (7, "/text")]
    acks = [(each["seq"], each.get("count", 1)) for each in heard if each["type"] == "ack"]
    assert acks == [(2, 2), (4, 1), (5, 1), (6, 1), (8, 1)]
    assert [each["ref"] for each in heard if each["type"] == "pong"] == [99]
    assert server.net()["tokens_seen"] == seen + 6
    assert server.weights() == expected


@BOTH
async def test_seqs_that_fall_or_come_again_at_once_are_learnt_once(server: RunningServer, subprotocol: str) -> None:
    seen = server.net()["tokens_seen"]
    given = [(1, "a"), (2, "b"), (2, "b"), (2, "other"), (1, "a"), (1, "other"), (4, "d"), (3, "never"), (5, "e")]
    async with open_stream(server.url, f"falling {subprotocol}", subprotocol=subprotocol) as client:
        send_at_once(client, [{"type": "input", "seq": seq, "text": text} for seq, text in given])
        heard = await answers(client, len(given))
    assert [(each["ref"], each["problem"]["status"]) for each in heard if each["type"] == "error"] == [
        (2, 422),
        (1, 422),
    ]
    acks = [(each["seq"], each.get("count", 1)) for each in heard if each["type"] == "ack"]
    assert acks == [(2, 2), (2, 1), (1, 1), (4, 1), (3, 1), (5, 1)]
    assert server.net()["tokens_seen"] == seen + 4
    async with open_stream(server.url, f"falling {subprotocol}", subprotocol=subprotocol) as client:
        assert client.hello["last_seq"] == 5


async def test_what_came_before_its_client_left_is_learnt(server: RunningServer) -> None:
    seen = server.net()["tokens_seen"]
    async with open_stream(server.url, "leaves at once") as client:
        send_at_once(client, inputs("a", "b"))
    async with open_stream(server.url, "leaves at once") as client:
        assert (await answer(client, {"type": "input", "seq": 2, "text": "b"}))["type"] == "ack"
    assert server.net()["tokens_seen"] == seen + 2


async def test_tokens_as_bytes(server: RunningServer) -> None:
    tick = server.net()["tick"]
    async with open_stream(server.url, subprotocol=MSGPACK) as client:
        ack = await answer(client, {"type": "input", "seq": 1, "tokens": b"h\xc3\xa9"})
    assert ack == {"type": "ack", "seq": 1, "first_tick": tick + 1, "tick": tick + 3}
    outputs = server.client.get("/v1/outputs", params={"after": tick}).json()["outputs"]
    assert [output["token"] for output in outputs] == [104, 195, 169]


@pytest.mark.parametrize("tokens", [b"", b"x" * 65_537])
async def test_bytes_that_are_no_tokens(untouched: RunningServer, tokens: bytes) -> None:
    async with open_stream(untouched.url, subprotocol=MSGPACK) as client:
        error: Any = await answer(client, {"type": "input", "seq": 1, "tokens": tokens})
    assert [place["pointer"] for place in error["problem"]["errors"]] == ["/tokens"]


async def test_json_has_no_bytes(untouched: RunningServer) -> None:
    async with open_stream(untouched.url, subprotocol=JSON) as client:
        error = await answer(client, {"type": "input", "seq": 1, "tokens": "aGU="})
    assert [place["pointer"] for place in error["problem"]["errors"]] == ["/tokens"]


async def test_frames_that_come_at_once(frames_server: RunningServer) -> None:
    tick = frames_server.net()["tick"]
    shown: list[Message] = [
        {"frames": [[0, 0.5, 1]]},
        {"frames": [[1, 0, 0], [0, 1, 0]]},
        {"frames": [[1, 0, 0]], "teachers": [[0, 1]]},
    ]
    async with open_stream(frames_server.url) as client:
        send_at_once(client, [{"type": "input", "seq": seq, **each} for seq, each in enumerate(shown, 1)])
        assert await answers(client, 3) == [
            {"type": "ack", "seq": 2, "count": 2, "first_tick": tick + 1, "tick": tick + 3},
            {"type": "ack", "seq": 3, "first_tick": tick + 4, "tick": tick + 4},
        ]
