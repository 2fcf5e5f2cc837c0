"""The AsyncAPI document has every message of the codec, and real messages are as it says."""

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml
from hypothesis import given
from websockets.sync.client import ClientConnection, connect

from service.api.stream.asyncapi import asyncapi_document
from service.api.stream.protocol import CODECS, JSON, ClientMessage, ServerMessage
from tests.api.test_protocol import NEARLY, read, written
from tests.jobs.client import begin, end_of, upload
from tests.running_server import ThreadServer

DOCUMENT = asyncapi_document()
FROM_CLIENTS = {str(kind.model_fields["type"].annotation.__args__[0]) for kind in get_args(ClientMessage)}
FROM_SERVERS = {str(kind.__struct_config__.tag) for kind in get_args(ServerMessage)}
SENT: list[dict[str, Any]] = [
    {"type": "ping", "seq": 1},
    {"type": "subscribe", "outputs": "full", "seq": 2},
    {"type": "input", "seq": 3, "text": "it lives, and learns from every token"},
    {"type": "input", "seq": 4, "tokens": [104, 101], "learn": False},
    {"type": "observe", "seq": 1, "stream": "cpu", "rows": [{"at": 0.5, "value": 1.5}]},
    {"type": "generate", "seq": 5, "prompt": "it ", "max_tokens": 3, "temperature": 0.5, "read": "adapt"},
]
FRAMES: list[dict[str, Any]] = [
    {"type": "subscribe", "outputs": "best"},
    {"type": "input", "seq": 1, "frames": [[0, 0.5, 1], [1, 1, 1]], "teachers": [None, [0, 1]]},
]


def validator(tag: str) -> jsonschema.Draft202012Validator:
    payload = DOCUMENT["components"]["messages"][tag]["payload"]
    return jsonschema.Draft202012Validator(payload | {"components": DOCUMENT["components"]})


def check(message: dict[str, Any]) -> None:
    """Refuse a message that is not as the document says, or has more in it than that tells of."""
    validator(message["type"]).validate(message)
    name = DOCUMENT["components"]["messages"][message["type"]]["payload"]["$ref"].rpartition("/")[2]
    assert set(message) <= set(DOCUMENT["components"]["schemas"][name]["properties"])


def stream(server: ThreadServer) -> ClientConnection:
    return connect(f"{server.url.replace('http', 'ws')}/v1/stream?watch=true")


def heard_until(connection: ClientConnection, wanted: set[str]) -> list[dict[str, Any]]:
    """Return checked messages up to the one that completes the kinds of messages and events that are wanted."""
    heard: list[dict[str, Any]] = []
    while wanted - {message["type"] for message in heard} - {message.get("name") for message in heard}:
        heard.append(json.loads(connection.recv(timeout=30)))
        check(heard[-1])
    return heard


def test_every_message_is_in_it_and_is_received_or_sent() -> None:
    channel = DOCUMENT["channels"]["stream"]["messages"]
    assert set(channel) == FROM_CLIENTS | FROM_SERVERS
    received, sent = set[str](), set[str]()
    for operation in DOCUMENT["operations"].values():
        told = {each["$ref"].rpartition("/")[2] for each in operation["messages"]}
        replied = {each["$ref"].rpartition("/")[2] for each in operation.get("reply", {}).get("messages", ())}
        (received if operation["action"] == "receive" else sent).update(told)
        sent |= replied
    assert (received, sent) == (FROM_CLIENTS, FROM_SERVERS)


def test_all_that_it_refers_to_is_there() -> None:
    def follow(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                place: Any = DOCUMENT
                for step in value["$ref"].removeprefix("#/").split("/"):
                    place = place[step]
            for each in value.values():
                follow(each)
        elif isinstance(value, list):
            for each in value:
                follow(each)

    follow(DOCUMENT)


def test_the_page_is_the_document() -> None:
    page = yaml.safe_load((Path(__file__).parents[2] / "docs/asyncapi.yaml").read_text())
    assert page == DOCUMENT, "python -m service.api.stream.asyncapi > docs/asyncapi.yaml"


def test_a_server_tells_it(server: ThreadServer) -> None:
    assert server.client.get("/asyncapi.json").json() == DOCUMENT


def test_all_messages_of_a_real_session_are_as_it_says(server: ThreadServer) -> None:
    with stream(server) as connection:
        for message in SENT:
            check(message)
            connection.send(json.dumps(message))
        connection.send('{"type": "input"}')
        heard = heard_until(connection, FROM_SERVERS - {"event"})
        columns = next(message for message in heard if message["type"] == "outputs")
        assert {"token", "surprise", "predicted", "next_token", "next_probability"} < set(columns)
        server.snapshot()
        for paused in (True, False):
            server.client.patch("/v1/net", json={"paused": paused})
        end_of(server, begin(server, "dream", dataset=upload(server, "a.txt", "it dreams")))
        heard += heard_until(connection, {"snapshot", "job", "mode"})
    assert {message["type"] for message in heard} == FROM_SERVERS


def test_so_are_those_of_a_net_of_frames(frames_server: ThreadServer) -> None:
    with stream(frames_server) as connection:
        for message in FRAMES:
            check(message)
            connection.send(json.dumps(message))
        heard = heard_until(connection, {"ack", "outputs"})
    assert any("values" in message for message in heard)


@given(value=NEARLY)
def test_what_the_codec_reads_is_as_it_says(value: dict[str, Any]) -> None:
    if isinstance(read(CODECS[JSON], written(CODECS[JSON], value)), get_args(ClientMessage)):
        check(value)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "input", "text": "a"},
        {"type": "input", "seq": 0, "text": "a"},
        {"type": "input", "seq": 1, "tokens": [-1]},
        {"type": "generate", "max_tokens": 0},
        {"type": "subscribe", "outputs": "all"},
        {"type": "ping", "more": 1},
        {"type": "ack", "seq": 1},
        {"type": "outputs", "first_tick": 1, "count": 1, "token": 5},
        {"type": "hello", "protocol": 2, "last_seq": 0, "net": {}},
        {"type": "event", "name": "job", "job": {"id": 5}},
    ],
)
def test_what_is_wrong_is_wrong_by_it(message: dict[str, Any]) -> None:
    assert not validator(message["type"]).is_valid(message)
