"""What is too slow, too much or too many is refused or closed, and others do not suffer."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from service.auth.rate_limit import TokenBucket
from tests.running_server import RunningServer, ThreadServer

KEY = "a-key-for-the-tests-of-limits"
OTHER = {"Authorization": f"Bearer {KEY}"}
SECONDS = 0.4  # allowed by this server
PATIENCE = 10.0  # of the tests


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Impatient, and with few places."""
    limits = {
        "header_seconds": SECONDS,
        "body_seconds": SECONDS,
        "ws_idle_seconds": SECONDS,
        "max_connections": 30,
        "rate_requests": 20,
        "rate_ticks": 1000,
    }
    server = ThreadServer(tmp_path_factory.mktemp("strict"), neurons=1000, api_key=KEY, **limits)
    server.client.headers = OTHER
    yield server.start()
    server.close()


@pytest.fixture
def rested(strict: RunningServer) -> RunningServer:
    """With its requests and ticks of a second saved up."""
    time.sleep(1.1)
    return strict


def open_socket(server: RunningServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def answer(connection: socket.socket) -> bytes:
    """All that comes until it is closed."""
    received = b""
    try:
        while piece := connection.recv(4096):
            received += piece
    except ConnectionResetError:
        pass
    return received


HEAD = b"POST /v1/inputs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer " + KEY.encode() + b"\r\n"
JSON = b"content-type: application/json\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n",
        b"GET",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\nGET /heal",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n\r\n",
        b"GET /v1/stream HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n",
    ],
)
def test_a_head_that_does_not_come(strict: RunningServer, sent: bytes) -> None:
    with open_socket(strict) as connection:
        connection.sendall(sent)
        started = time.monotonic()
        received = answer(connection)
        assert b" 408 " in received or b" 200 " in received  # after an answer, it is closed without a word
        assert (b" 200 " in received) == (b"\r\n\r\n" in sent)
        assert SECONDS * 0.9 < time.monotonic() - started < PATIENCE


def test_a_head_that_comes_by_the_byte(strict: RunningServer) -> None:
    with open_socket(strict) as connection:
        started = time.monotonic()
        try:
            for byte in HEAD * 10:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)
        except OSError:
            pass
        assert time.monotonic() - started < PATIENCE


@pytest.mark.parametrize("head", [b"content-length: 100\r\n", b"transfer-encoding: chunked\r\n"])
def test_a_body_that_does_not_come(rested: RunningServer, head: bytes) -> None:
    with open_socket(rested) as connection:
        connection.sendall(HEAD + JSON + head + b'\r\n5\r\n{"tex')
        received = answer(connection)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert b"/problems/too-slow" in received


def test_a_head_without_end(strict: RunningServer) -> None:
    with open_socket(strict) as connection:
        try:
            for _ in range(100):
                connection.sendall(b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 8192)
        except OSError:
            pass
        received = answer(connection)
    assert received.startswith(b"HTTP/1.1 431 ") or not received  # it may have been thrown away with the connection


def test_connections_have_an_end(rested: RunningServer) -> None:
    with httpx.Client(base_url=rested.url, headers=OTHER) as before:
        assert before.get("/healthz").status_code == 200
        many = [open_socket(rested) for _ in range(40)]
        assert b" 503 " in answer(many[-1])
        assert before.get("/healthz").status_code == 200
        for connection in many:
            answer(connection)
            connection.close()
    assert httpx.get(f"{rested.url}/healthz").status_code == 200


def test_one_key_has_its_requests(rested: RunningServer) -> None:
    answers = [rested.client.get("/v1/net") for _ in range(40)]
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) >= 20
    [limited, *_] = [answer for answer in answers if answer.status_code == 429]
    assert limited.headers["retry-after"] == "1"
    assert limited.json()["type"] == "/problems/limited"
    assert rested.client.get("/healthz").status_code == 200  # needs no key, and counts for none
    time.sleep(1.0)
    assert rested.client.get("/v1/net").status_code == 200


def test_strangers_have_the_requests_of_one_key_together(rested: RunningServer) -> None:
    guess = b"GET /v1/net HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer guess\r\n"
    with open_socket(rested) as connection:
        connection.sendall((guess + b"\r\n") * 199 + guess + b"connection: close\r\n\r\n")
        received = answer(connection)
    assert received.count(b"HTTP/1.1 401 ") >= 20
    assert received.count(b"HTTP/1.1 401 ") + received.count(b"HTTP/1.1 429 ") == 200
    assert b"/problems/limited" in received
    assert rested.client.get("/v1/net").status_code == 200  # who has a key does not suffer


def test_one_key_has_its_ticks(rested: RunningServer) -> None:
    assert rested.client.post("/v1/inputs?wait=true", json={"text": "a" * 3000}).status_code == 200
    seen = rested.net()["tokens_seen"]
    for path, body in (("/v1/inputs", {"text": "a"}), ("/v1/generate", {"prompt": "a"})):
        limited = rested.client.post(path, json=body)
        assert limited.status_code == 429
        assert limited.headers["retry-after"] in ("2", "1")
    assert rested.net()["tokens_seen"] == seen
    started = time.monotonic()
    with open_stream(rested) as stream:  # is held back instead
        for seq in range(1, 4):
            stream.send(json.dumps({"type": "input", "seq": seq, "text": "a" * 1000}))
        acked = 0
        while acked < 3:
            acked += json.loads(stream.recv(timeout=PATIENCE))["type"] == "ack"
    assert time.monotonic() - started > 2.0
    time.sleep(1.0)  # for the next test


@contextmanager
def open_stream(server: RunningServer) -> Iterator[ClientConnection]:
    with connect(f"ws://127.0.0.1:{server.port}/v1/stream", additional_headers=OTHER, compression=None) as stream:
        assert json.loads(stream.recv())["type"] == "hello"
        yield stream


def test_a_stream_on_which_nothing_goes(rested: RunningServer) -> None:
    with open_stream(rested) as idle, open_stream(rested) as half, open_stream(rested) as busy:
        started = time.monotonic()
        half.socket.sendall(b"\x01\x85\x00\x00\x00\x00abcde")  # the first frame of a message that never ends
        while time.monotonic() - started < 3 * SECONDS:
            busy.send('{"type": "ping"}')
            assert json.loads(busy.recv())["type"] == "pong"
            time.sleep(0.1)
        for stream in (idle, half):
            with pytest.raises(ConnectionClosed) as closed:
                stream.recv(timeout=PATIENCE)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4010


def test_a_bucket() -> None:
    now = 0.0
    bucket = TokenBucket(10.0, lambda: now)
    assert bucket.wait() == 0
    bucket.take(30)  # more than it holds: let in, and paid for afterwards
    assert bucket.wait() == pytest.approx(2.1)
    now = 2.0
    assert bucket.wait() == pytest.approx(0.1)
    now = 100.0
    assert bucket.wait() == 0
    bucket.take(10)  # no more than a second's is saved up
    assert bucket.wait() == pytest.approx(0.1)
    assert TokenBucket(0).wait() == 0
    slow = TokenBucket(0.1, lambda: now)
    slow.take(0.1)
    assert slow.wait() == pytest.approx(1.0)
