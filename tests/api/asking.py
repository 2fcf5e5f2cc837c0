"""What several tests of the API ask a server, and how they read what is answered."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
from websockets.frames import Frame, Opcode

from realnet.client import JSON, MSGPACK, Message, StreamClient

TEXT = "the net lives, and learns from every token. " * 20
SECRET = "never-to-be-repeated"
BOTH = pytest.mark.parametrize("subprotocol", [JSON, MSGPACK])


def problem_of(response: httpx.Response, status: int) -> dict[str, Any]:
    """Return the problem of an answer that has this status, and repeats nothing secret."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["type"].startswith("/problems/")
    assert problem["title"]
    assert SECRET not in response.text
    return problem


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def send_at_once(client: StreamClient, messages: list[Message]) -> None:
    """Write messages so that they come in one turn of the server's loop."""
    is_binary = client.connection.subprotocol == MSGPACK
    opcode, encode = (Opcode.BINARY, msgspec.msgpack.encode) if is_binary else (Opcode.TEXT, msgspec.json.encode)
    client.connection.transport.write(
        b"".join(Frame(opcode, encode(message)).serialize(mask=True) for message in messages)
    )


async def answers(client: StreamClient, count: int) -> list[Message]:
    """Return what comes back to `count` messages, outputs and events apart."""
    heard: list[Message] = []
    while sum(message.get("count", 1) for message in heard) < count:
        message = await anext(client)
        if message["type"] not in ("outputs", "event"):
            heard.append(message)
    return heard


async def next_of(client: StreamClient, type: str) -> Message:
    """Return the next message of a type, and drop those before it."""
    async for message in client:
        if message["type"] == type:
            return message
    raise AssertionError("the stream has ended")


async def answer(client: StreamClient, message: Message) -> Message:
    """Send a message; return what comes back to it, outputs and events apart."""
    await client.send(message)
    async for answered in client:
        if answered["type"] not in ("outputs", "event"):
            return answered
    raise AssertionError("the stream has ended")
