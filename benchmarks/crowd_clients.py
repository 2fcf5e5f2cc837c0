"""Many cheap clients of `WS /v1/stream` in one process, for `benchmarks.crowd`: they read frames, and decode few."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import uvloop

from benchmarks.text import topics_text
from realnet.client import MSGPACK, Message

CONNECT_AT_ONCE = 25
ANSWER_SECONDS = 60.0  # for what is on its way at the end

_HANDSHAKE = (
    "GET /v1/stream{query} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    "Sec-WebSocket-Protocol: {codec}\r\n\r\n"
)
_OUTPUTS = b"\xa4type\xa7outputs"  # how these begin, after one byte; then comes where they are, and …
_COUNT = b"\xa5count"  # … how many there are
_DECODED = 512  # bytes; a longer message is known by how it begins
_decode = msgspec.msgpack.Decoder(Message).decode
_encode = msgspec.msgpack.encode


@dataclass(frozen=True)
class Group:
    """Clients in one process. A teacher sends `size` tokens a message and has `window` messages unanswered."""

    readers: int = 0
    silent: int = 0  # read nothing after `hello`
    teachers: int = 0
    size: int = 0
    window: int = 0


@dataclass
class Heard:
    """By a whole group."""

    sent: int = 0  # tokens …
    acknowledged: int = 0
    latencies: list[float] = field(default_factory=list)  # from input to ack, in seconds
    outputs: int = 0
    dropped: int = 0
    closed: int = 0  # streams
    wrong: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """What was counted while the streams were opened does not count."""
        self.latencies, self.outputs, self.dropped = [], 0, 0


class Reader(asyncio.Protocol):
    """Reads everything, or, if it `is_silent`, nothing after `hello`."""

    def __init__(self, heard: Heard, url: str, *, query: str = "", is_silent: bool = False) -> None:
        self.heard = heard
        self.is_open = asyncio.get_running_loop().create_future()
        self._is_silent = is_silent
        self._handshake = _HANDSHAKE.format(query=query and f"?{query}", host=urlsplit(url).netloc, codec=MSGPACK)
        self._is_upgraded = False
        self._begun = b""  # a frame …
        self._skip = 0  # … or how much of one is still to come

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        transport.write(self._handshake.encode())

    def connection_lost(self, _: Exception | None) -> None:
        self.heard.closed += 1
        if not self.is_open.done():
            self.is_open.set_exception(ConnectionError("the server closed a stream at once"))

    def data_received(self, data: bytes) -> None:
        if len(data) <= self._skip:
            self._skip -= len(data)
            return
        data = self._begun + data[self._skip :]
        at = 0
        if not self._is_upgraded:
            at = data.find(b"\r\n\r\n") + 4
            self._is_upgraded = at >= 4
        while self._is_upgraded and (frame := _frame(data, at)) is not None:
            is_control = data[at] & 0x08  # a ping, or a close before the end
            start, at = frame
            if not is_control:
                self.hear(data[start : min(at, start + _DECODED)], at - start)
        self._begun = data[at:] if self._is_upgraded else data
        self._skip = max(0, at - len(data))

    def hear(self, message: bytes, length: int) -> None:
        """`message` is all of it, or how it begins."""
        if message.startswith(_OUTPUTS, 1):
            self.heard.outputs += _number(message, message.index(_COUNT) + len(_COUNT))
        elif not self.is_open.done():
            self.is_open.set_result(None)
            if self._is_silent:
                self.transport.pause_reading()
        elif length <= _DECODED:
            self.answer(_decode(message))
        else:
            self.heard.wrong.append(repr(message))

    def answer(self, message: Message) -> None:
        if message["type"] == "event":
            self.heard.dropped += message.get("count", 0)
        else:
            self.heard.wrong.append(str(message))


class Teacher(Reader):
    """Sends, and the next as soon as one is acknowledged."""

    def __init__(self, heard: Heard, url: str, client_id: str, told: str, size: int) -> None:
        super().__init__(heard, url, query=f"client_id={client_id}")
        self._told = told
        self._size = size
        self._seq = 0
        self.unanswered: deque[tuple[int, float]] = deque()  # seq, when it was sent
        self.is_teaching = True

    def send(self) -> None:
        start = self._seq * self._size % (len(self._told) - self._size)
        self._seq += 1
        text = self._told[start : start + self._size]
        self.transport.write(masked(_encode({"type": "input", "seq": self._seq, "text": text})))
        self.unanswered.append((self._seq, time.perf_counter()))
        self.heard.sent += self._size

    def answer(self, message: Message) -> None:
        if message["type"] != "ack" or not self.unanswered:
            super().answer(message)
            return
        while self.unanswered and self.unanswered[0][0] <= message["seq"]:
            _, sent_at = self.unanswered.popleft()
            self.heard.latencies.append(time.perf_counter() - sent_at)
            self.heard.acknowledged += self._size
            if self.is_teaching:
                self.send()


def _frame(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the content of the server's frame at `at` begins and ends, if enough of it is here."""
    if len(data) < at + 2:
        return None
    length, start = data[at + 1], at + 2
    if length >= 126:
        start += 2 if length == 126 else 8
        length = int.from_bytes(data[at + 2 : start])
    return (start, start + length) if len(data) >= start + min(length, _DECODED) else None


def masked(content: bytes) -> bytes:
    """A client's frame of up to 64 KiB, with a mask of zeros."""
    length = len(content)
    head = bytes([0x82, 0x80 | length]) if length < 126 else b"\x82\xfe" + length.to_bytes(2)
    return head + bytes(4) + content


def _number(data: bytes, at: int) -> int:
    """Return MessagePack's whole number, of less than 65,536, that begins at `at`."""
    if data[at] < 0x80:
        return data[at]
    return int.from_bytes(data[at + 1 : at + (2 if data[at] == 0xCC else 3)])


def live(url: str, group: Group, pipe: Connection) -> None:
    """A process. It says when all are there; then it is told when to begin to count, and when to end."""
    pipe.send(uvloop.run(_live(url, group, pipe)))


async def _live(url: str, group: Group, pipe: Connection) -> Heard:
    loop = asyncio.get_running_loop()
    heard, told = Heard(), topics_text()
    host, _, port = urlsplit(url).netloc.partition(":")
    teachers = [Teacher(heard, url, str(uuid4()), told[n:], group.size) for n in range(group.teachers)]
    readers = [Reader(heard, url, is_silent=n < group.silent) for n in range(group.silent + group.readers)]
    clients: list[Reader] = [*readers, *teachers]
    for start in range(0, len(clients), CONNECT_AT_ONCE):
        some = clients[start : start + CONNECT_AT_ONCE]
        for client in some:
            await loop.create_connection(lambda client=client: client, host, int(port))  # type: ignore[misc]
        await asyncio.gather(*(client.is_open for client in some))
    for teacher in teachers:
        for _ in range(group.window):
            teacher.send()
    pipe.send(None)
    await loop.run_in_executor(None, pipe.recv)
    heard.begin()
    await loop.run_in_executor(None, pipe.recv)
    for teacher in teachers:
        teacher.is_teaching = False
    deadline = time.monotonic() + ANSWER_SECONDS
    while any(teacher.unanswered for teacher in teachers) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    return heard
