"""The clients of `benchmarks.nets`, in a process of their own: what they take is measured apart from the server."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Literal, NamedTuple, Self

import uvloop

from benchmarks.running import Client, Server
from benchmarks.text import topics_text
from realnet.client import MSGPACK, StreamClient, open_stream
from realnet.client import Server as Address

MESSAGE = 100  # tokens
OPENED_AT_ONCE = 16

Over = Literal["stream", "rest"]


class Taught(NamedTuple):
    """What turns took: seconds, and of processor time the server's, its event loop's, and the clients'."""

    seconds: float
    used: float
    looped: float
    own: float

    @classmethod
    def now(cls, server: Server) -> Self:
        looped = server.times_of_threads()[server.pid][0]
        return cls(time.perf_counter(), server.cpu_seconds(), looped, time.process_time())

    def since(self, before: "Taught") -> "Taught":
        return Taught(*(after - then for after, then in zip(self, before, strict=True)))


def message(net: int, turn: int) -> str:
    text = topics_text()
    start = (7919 * net + MESSAGE * turn) % (len(text) - MESSAGE)
    return text[start : start + MESSAGE]


def taught(server: Server, over: Over, nets: int, turns: range, clients: int) -> Taught:
    """Teach so many nets in turn, and return what that took."""
    topics_text()  # which is made first
    if over == "stream":
        return uvloop.run(_over_streams(server, nets, turns, clients))
    return _measured(server, lambda: _over_rest(server, nets, turns, clients))


def _measured(server: Server, teach: Callable[[], None]) -> Taught:
    before = Taught.now(server)
    teach()
    return Taught.now(server).since(before)


def _over_rest(server: Server, nets: int, turns: range, clients: int) -> None:
    def teach(first: int) -> None:
        with Client(server) as client:
            for turn in turns:
                for net in range(first, nets, clients):
                    body = {"text": message(net, turn)}
                    path = f"/v1/nets/n{net}/inputs"
                    client.post(path, params={"wait": "true", "outputs": "none"}, json=body).raise_for_status()

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(teach, range(clients)))


async def _over_streams(server: Server, nets: int, turns: range, clients: int) -> Taught:
    """Teach over a stream for each net, of which as many wait for an ack at any time as there are clients."""
    async with AsyncExitStack() as opened:

        async def connected(net: int) -> StreamClient:
            address = Address(server.url, net=f"n{net}")
            return await opened.enter_async_context(open_stream(address, subprotocol=MSGPACK, outputs="none"))

        streams: list[StreamClient] = []
        for first in range(0, nets, OPENED_AT_ONCE):
            some = range(first, min(nets, first + OPENED_AT_ONCE))
            streams += await asyncio.gather(*map(connected, some))

        async def teach(first: int) -> None:
            for turn in turns:
                for net in range(first, nets, clients):
                    stream = streams[net]
                    await stream.send_input(text=message(net, turn))
                    while stream.unacked:
                        await anext(stream)

        before = Taught.now(server)
        await asyncio.gather(*map(teach, range(clients)))
        return Taught.now(server).since(before)
