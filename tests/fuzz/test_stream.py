"""Messages of every kind, right, wrong, half and out of order, in text and binary frames, on `WS /v1/stream`.

Whatever comes, the answer is a message or, where the protocol itself is broken, a close with its code; never a 1011,
and nothing refused changes the net. As many as FUZZ_CASES says (`make fuzz`: 10,000), a few without.
"""

import json
import os
import socket
from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from realnet.client import JSON, MSGPACK
from tests.running_server import ProcessServer, RunningServer

CASES = int(os.environ.get("FUZZ_CASES", "150"))
AT_ONCE = 10  # messages of an example
PING_SEQ = 2**53 - 2

PROTOCOL_ERRORS = {1002, 1003, 1007, 1009}  # broken frames, the wrong kind, not UTF-8, too large

PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
ANYTHING = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
SEQ = st.integers(1, 30) | st.sampled_from([0, -1, 2**53 - 1, 2**53, 2**64 - 1]) | PLAIN
TOKENS = st.lists(st.integers(0, 255), min_size=1, max_size=20) | st.lists(st.integers(-1, 300) | PLAIN, max_size=5)
RIGHT_INPUT = st.fixed_dictionaries(
    {"type": st.just("input"), "seq": st.integers(1, 100)}, optional={"text": st.text(min_size=1, max_size=20)}
)
INPUT = st.fixed_dictionaries(
    {"type": st.just("input")},
    optional={"seq": SEQ, "text": st.text(max_size=30) | PLAIN, "tokens": TOKENS, "learn": st.booleans() | PLAIN}
    | {"frames": ANYTHING, "teachers": ANYTHING, "more": ANYTHING},
)
GENERATE = st.fixed_dictionaries(
    {"type": st.just("generate")},
    optional={"seq": SEQ, "prompt": st.text(max_size=30) | PLAIN, "max_tokens": st.integers(-1, 20) | PLAIN}
    | {"temperature": st.floats() | PLAIN, "seed": PLAIN, "stream": PLAIN},
)
PING = st.fixed_dictionaries({"type": st.just("ping")}, optional={"seq": SEQ})
OTHER = st.fixed_dictionaries({"type": st.sampled_from(["ack", "hello", "Input", "", "event"]) | PLAIN}) | ANYTHING
MESSAGE = RIGHT_INPUT | INPUT | GENERATE | PING | OTHER


@st.composite
def frames(draw: st.DrawFn) -> tuple[str, Any]:
    """How a message is sent, and what of it."""
    message = draw(MESSAGE)
    how = draw(st.sampled_from(["whole", "whole", "whole", "pieces", "other", "cut", "raw", "half"]))
    cut = draw(st.integers(0, 40))
    return how, draw(st.binary(max_size=40) | st.text(max_size=40)) if how == "raw" else (message, cut)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = ProcessServer(tmp_path_factory.mktemp("fuzz"), ws_max_bytes=10_000)
    yield server.start()
    server.close()
    assert '"level": "error"' not in server.log


class Fuzzer:
    """Sends messages one by one, each followed by a ping: what comes before the pong is the answer."""

    def __init__(self, server: RunningServer, subprotocol: str) -> None:
        self.server = server
        self.binary = subprotocol == MSGPACK
        self.url = f"ws://127.0.0.1:{server.port}/v1/stream"
        self.examples = 0
        self.subprotocol = Subprotocol(subprotocol)
        self.before = self.net()

    def send_all(self, messages: list[tuple[str, Any]]) -> None:
        left = deque(messages)
        self.examples += 1
        url = f"{self.url}?client_id=fuzzer-{self.subprotocol}-{self.examples}"
        while left:
            with connect(url, subprotocols=[self.subprotocol], compression=None, ping_interval=None) as connection:
                assert self.read(connection)["type"] == "hello"
                while left and self.exchange(connection, *left.popleft()):
                    pass

    def exchange(self, connection: ClientConnection, how: str, what: Any) -> bool:
        """Whether the connection is still open."""
        refused = is_open = False
        closed = None
        try:
            self.send(connection, how, what)
            if how != "half":
                connection.send(self.encode({"type": "ping", "seq": PING_SEQ}))
            while not is_open:
                message = self.read(connection)
                is_open = message == {"type": "pong", "ref": PING_SEQ}
                if message["type"] == "error":
                    assert message["problem"]["status"] in (400, 409, 422, 429), message
                    refused = True
        except ConnectionClosed as error:
            closed = error.rcvd
            refused = True
        if not is_open and how == "half":
            assert closed is None or closed.code != 1011
        elif not is_open:
            assert closed is not None
            assert closed.code in PROTOCOL_ERRORS
        net = self.net()
        if refused:
            assert net["tokens_seen"] == self.before["tokens_seen"]
        if net["tokens_seen"] == self.before["tokens_seen"]:
            assert net["weights_sha256"] == self.before["weights_sha256"]
        self.before = net
        return is_open

    def net(self) -> dict[str, Any]:
        """When all is run."""
        while self.server.net()["queue_depth"]:
            pass
        return self.server.net(hash="true")

    def read(self, connection: ClientConnection) -> Any:
        raw = connection.recv(timeout=30.0)
        return msgspec.msgpack.decode(raw) if isinstance(raw, bytes) else json.loads(raw)

    def encode(self, message: Any) -> bytes | str:
        if self.binary:
            return msgspec.msgpack.encode(message)
        return json.dumps(message, default=lambda value: value.hex())

    def send(self, connection: ClientConnection, how: str, what: Any) -> None:
        if how == "raw":
            connection.send(what)
            return
        message, cut = what
        encoded = self.encode(message)
        if how == "pieces":  # one message in several frames
            connection.send([encoded[:cut], encoded[cut:]])
        elif how == "other":  # the wrong kind of frame
            raw = encoded if isinstance(encoded, bytes) else encoded.encode()
            connection.send(raw, text=self.binary)
        elif how == "cut":
            connection.send(encoded[:cut])
        elif how == "half":  # it leaves in the middle of a message
            raw = encoded if isinstance(encoded, bytes) else encoded.encode()
            connection.socket.sendall(bytes([0x02 if self.binary else 0x01, 0x80 | 100, 0, 0, 0, 0]) + raw[:cut])
            connection.socket.shutdown(socket.SHUT_WR)
        else:
            connection.send(encoded)


@pytest.mark.parametrize("subprotocol", [JSON, MSGPACK])
def test_whatever_is_sent_is_answered_and_nothing_refused_is_learnt(fuzzed: RunningServer, subprotocol: str) -> None:
    fuzzer = Fuzzer(fuzzed, subprotocol)

    @settings(
        max_examples=-(-CASES // 2 // AT_ONCE),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(frames(), min_size=AT_ONCE, max_size=AT_ONCE))
    def send(messages: list[tuple[str, Any]]) -> None:
        fuzzer.send_all(messages)

    send()


def test_a_message_that_is_too_large_closes_the_stream(fuzzed: RunningServer) -> None:
    fuzzer = Fuzzer(fuzzed, JSON)
    large = {"type": "input", "seq": 2**52, "text": "a" * 20_000}
    fuzzer.send_all([("whole", (large, 0)), ("pieces", (large, 9_000)), ("whole", ({"type": "ping"}, 0))])
