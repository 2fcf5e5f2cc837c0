"""A small client of `WS /v1/stream`: inputs pipelined within a window, the server's messages in the order they come."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlencode

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from realnet.client.errors import StreamClosed, Unreachable, error_of_answer, no_answer
from realnet.client.outbox import WINDOW, WINDOW_TICKS, ticks_of
from realnet.client.server import Server

JSON = "realnet.v1.json"
MSGPACK = "realnet.v1.msgpack"

MAX_MESSAGE_BYTES = 16 * 2**20
NEXT = 5  # tokens that are told of what is expected next

Message = dict[str, Any]
Content = Mapping[str, object]  # of an input


class StreamClient:
    """One connection. Iterate over it all the time: acks open the window only as they are read.

    The window is of messages, and of some 32,000 ticks in them. The columns of a message of outputs are NumPy arrays,
    of which `tick` is one more; a column that was not computed is None.

    `hello` is the server's first message, `last_seq` the last `seq` used; to send again what was refused, set it back.
    Where the server closes the connection, iteration and sends raise StreamClosed.
    """

    def __init__(self, connection: ClientConnection, hello: Message, window: int) -> None:
        self.hello = hello
        self.last_seq: int = hello["last_seq"]
        self.connection = connection
        self._decode = _decoder(connection)
        self._encode = _encoder(connection)
        self._window = window
        self._unacked: dict[int, int] = {}  # ticks, by seq
        self._unacked_ticks = 0
        self._opened = asyncio.Event()

    async def send_input(self, **content: object) -> int:
        """Send `text=`, `tokens=` or `frames=` (and `teachers=`, `learn=`) as soon as the window allows; its `seq`."""
        return await self.send_inputs([content])

    async def send_inputs(self, contents: Sequence[Content]) -> int:
        """Send inputs, each as `send_input` does, in as few writes as the window allows; the last `seq`."""
        sent = 0
        while sent < len(contents):
            await self._has_room()
            messages = []
            while sent < len(contents) and self._room() > 0:
                self.last_seq += 1
                messages.append({"type": "input", "seq": self.last_seq, **contents[sent]})
                self._unacked[self.last_seq] = ticks = ticks_of(contents[sent])
                self._unacked_ticks += ticks
                sent += 1
            await self.write(map(self._encode, messages))
        return self.last_seq

    async def send(self, message: Message) -> None:
        """Send any message as it is."""
        await self.write([self._encode(message)])

    async def write(self, encoded: Iterable[bytes]) -> None:
        """Write messages all at once: neither side then does for each what is as long for many."""
        connection, protocol = self.connection, self.connection.protocol
        send = protocol.send_binary if connection.subprotocol == MSGPACK else protocol.send_text
        with _closed_as_error():
            async with connection.send_context():
                for message in encoded:
                    send(message)
                connection.transport.write(b"".join(protocol.data_to_send()))

    def _room(self) -> int:
        """Return how many more messages the window allows, perhaps none."""
        return self._window - len(self._unacked) if self._unacked_ticks < WINDOW_TICKS else 0

    async def _has_room(self) -> None:
        while self._room() <= 0:
            self._opened.clear()
            await self._opened.wait()

    @property
    def unacked(self) -> int:
        """Inputs that were sent and neither acknowledged nor refused."""
        return len(self._unacked)

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        with _closed_as_error():
            message = self._decode(await self.connection.recv())
        if message["type"] == "outputs":
            _make_arrays_(message)
        if message["type"] == "ack":
            while (first := next(iter(self._unacked), None)) is not None and first <= message["seq"]:
                self._answered(first)
        elif message.get("ref") in self._unacked:
            self._answered(message["ref"])
        return message

    def _answered(self, seq: int) -> None:
        self._unacked_ticks -= self._unacked.pop(seq)
        self._opened.set()


@asynccontextmanager
async def open_stream(
    server: Server | str,
    client_id: str | None = None,
    *,
    subprotocol: str = JSON,
    window: int = WINDOW,
    outputs: str = "best",
    session: str | None = None,
) -> AsyncIterator[StreamClient]:
    """Connect to `server` (or to that at an URL) and wait for its `hello`. May raise RealNetError.

    `outputs` is what the server sends of them: none, surprise, best or full. Less is faster. With a `session` all is of
    that: what is sent and generated, unless it names another, and the outputs.
    """
    server = Server(server) if isinstance(server, str) else server
    url = server.url
    asked = {"outputs": outputs, "client_id": client_id, "session": session}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    address = f"ws{url.removeprefix('http').rstrip('/')}{server.path_of('/v1/stream')}?{query}"
    try:
        connection = await connect(
            address,
            subprotocols=[Subprotocol(subprotocol)],
            additional_headers=server.headers,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            proxy=None if server.is_on_this_machine else True,
            ping_timeout=None,  # no deadline: a server that holds a fast writer back reads no pings meanwhile
        )
    except InvalidStatus as error:
        answer = error.response
        raise error_of_answer(
            answer.status_code, answer.body, f"{url} refused the stream: ", answer.headers.get("Retry-After")
        ) from None
    except (OSError, InvalidHandshake, InvalidURI) as error:  # a TimeoutError is an OSError
        raise Unreachable(no_answer(url)) from error
    async with connection:
        with _closed_as_error():
            hello = _decoder(connection)(await connection.recv())
        yield StreamClient(connection, hello, window)


def _make_arrays_(message: Message) -> None:
    """Make arrays of the columns of outputs, which came as lists or as bytes, and add `tick`."""
    import numpy as np  # not by commands that read no outputs: it takes longer to load than all else

    count = message["count"]
    for name, column in message.items():
        if isinstance(column, bytes | list):
            is_text = name in ("token", "predicted", "next_token")
            if isinstance(column, list):
                array = np.array(column, np.int64 if is_text else np.float32)
            else:
                numbers = count * (NEXT if name == "next_token" else 1)
                array = np.frombuffer(column, f"<u{len(column) // numbers}" if is_text else "<f4")
            message[name] = array.reshape(count, -1) if name in ("next_token", "next_probability", "values") else array
    message["tick"] = np.arange(message["first_tick"], message["first_tick"] + count)


@contextmanager
def _closed_as_error() -> Iterator[None]:
    try:
        yield
    except ConnectionClosed as error:
        close = error.rcvd or error.sent
        code = close.code if close else 1006
        reason = (
            close.reason if close and close.reason else {1006: "it broke", 1012: "it restarts"}.get(code, "no reason")
        )
        raise StreamClosed(f"the server closed the connection ({code}: {reason})", code) from error


def _encoder(connection: ClientConnection) -> Callable[[Message], bytes]:
    return msgspec.msgpack.encode if connection.subprotocol == MSGPACK else msgspec.json.encode


def _decoder(connection: ClientConnection) -> Callable[[bytes | str], Message]:
    if connection.subprotocol == MSGPACK:
        return msgspec.msgpack.Decoder(Message).decode  # type: ignore[return-value]
    return msgspec.json.Decoder(Message).decode
