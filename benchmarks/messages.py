"""How many tokens a second come in through the WebSocket, by the size of the messages: `python -m benchmarks.messages`.

The server has one core, and journals; the client has another one. Meanwhile the health of the server is asked for, and
then one generated token, every 10 ms. Every token that was sent must have been learnt.
"""

import argparse
import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor

import httpx
import msgspec
import uvloop
from rich import print
from rich.table import Table

from benchmarks.crowd_clients import Heard, Reader, masked
from benchmarks.running import Server, running
from benchmarks.text import topics_text
from realnet.client import MSGPACK, Message, open_stream

SERVER_CORE, CLIENT_CORE = 0, 1
WARM_SECONDS = 2.0
PROBE_SECONDS = 0.01
WINDOW, WINDOW_TICKS = 256, 65_536  # messages that wait for their acks, and tokens

Rate = tuple[int, float]  # tokens that were sent and acknowledged, and in how many seconds


class RawClient(Reader):
    """Sends frames that were made before, within the window, until `ends_at`."""

    def __init__(self, url: str, query: str, parts: list[bytes], seconds: float) -> None:
        super().__init__(Heard(), url, query=query)
        self._parts = parts
        self._window = max(1, min(WINDOW, WINDOW_TICKS // len(parts[0])))
        self._ends_at = time.monotonic() + seconds
        self._seq = self._acked = 0
        self.is_done = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.is_open.done() and not self.is_done.done():
            self._send()

    def answer(self, message: Message) -> None:
        if message["type"] != "ack":
            super().answer(message)
            return
        self._acked = message["seq"]
        if self._acked == self._seq and time.monotonic() > self._ends_at and not self.is_done.done():
            self.is_done.set_result(self._seq * len(self._parts[0]))

    def _send(self) -> None:
        room = 0 if time.monotonic() > self._ends_at else self._window - (self._seq - self._acked)
        frames = []
        for _ in range(room):
            self._seq += 1
            part = self._parts[self._seq % len(self._parts)]
            frames.append(masked(msgspec.msgpack.encode({"type": "input", "seq": self._seq, "tokens": part})))
        if frames:
            self.transport.write(b"".join(frames))


async def send_raw(url: str, query: str, parts: list[bytes], seconds: float) -> int:
    """Return how many tokens were sent, all of them acknowledged."""
    client = RawClient(url, query, parts, seconds)
    address = httpx.URL(url)
    await asyncio.get_running_loop().create_connection(lambda: client, address.host, address.port or 80)
    sent = await client.is_done
    client.transport.close()
    if client.heard.wrong:
        raise RuntimeError(client.heard.wrong[0])
    return int(sent)


async def send_own(url: str, query: str, parts: list[bytes], seconds: float) -> int:
    """Do the same with the project's own client."""
    contents: list[dict[str, object]] = [{"tokens": part} for part in parts[: max(1, 65_536 // len(parts[0]))]]
    async with open_stream(url, subprotocol=MSGPACK) as client:

        async def send() -> int:
            ends_at = time.monotonic() + seconds
            while time.monotonic() < ends_at:
                await client.send_inputs(contents)
            return client.last_seq

        sending = asyncio.create_task(send())
        async for _ in client:
            if sending.done() and not client.unacked:
                break
        return sending.result() * len(parts[0])


def load(client: str, url: str, query: str, size: int, seconds: float) -> Rate:
    """A process of its own: what the client takes is not the server's."""
    os.sched_setaffinity(0, {CLIENT_CORE})
    told = topics_text().encode()
    parts = [told[start : start + size] for start in range(0, len(told) - size, size)]
    began = time.monotonic()
    sent = (
        uvloop.run(send_raw(url, query, parts, seconds))
        if client == "raw"
        else asyncio.run(send_own(url, query, parts, seconds))
    )
    return sent, time.monotonic() - began


def p99(ask: Callable[[], httpx.Response], until: "Future[Rate]") -> float:
    """Return milliseconds."""
    taken = []
    while not until.done():
        began = time.perf_counter()
        ask().raise_for_status()
        taken.append(time.perf_counter() - began)
        time.sleep(PROBE_SECONDS)
    return 1000 * sorted(taken)[int(0.99 * len(taken))]


def row_of(
    server: Server,
    rest: httpx.Client,
    clients: ProcessPoolExecutor,
    arguments: argparse.Namespace,
    size: int,
    client: str,
) -> list[str]:
    def seen() -> int:
        return int(rest.get("/v1/net").json()["tokens_seen"])

    def run(seconds: float) -> "Future[Rate]":
        return clients.submit(load, client, server.url, arguments.query, size, seconds)

    before, sent = seen(), run(WARM_SECONDS).result()[0]
    cells = [client, f"{size:,}"]
    cpu = server.cpu_seconds()
    health = run(arguments.seconds)
    health_p99 = p99(lambda: rest.get("/healthz"), health)
    tokens, seconds = health.result()
    cpu = server.cpu_seconds() - cpu
    generating = run(arguments.seconds)
    generating_p99 = p99(lambda: rest.post("/v1/generate", json={"prompt": "a", "max_tokens": 1}), generating)
    sent += tokens + generating.result()[0]
    learnt = seen() - before
    assert learnt == sent, f"{sent} tokens were sent, and {learnt} learnt"
    cells += [f"{tokens / seconds:,.0f}", f"{1e6 * cpu / tokens:.2f}", f"{health_p99:.1f}", f"{generating_p99:.1f}"]
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="dendrites")
    parser.add_argument("--variant", default="fast")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 64, 512, 4096])
    parser.add_argument("--clients", nargs="+", default=["raw", "own"], choices=["raw", "own"])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--journal", default="everysec")
    parser.add_argument("--query", default="", help="of the handshake, as outputs=none")
    arguments = parser.parse_args()
    title = f"{arguments.preset} {arguments.variant}, journal {arguments.journal}, {arguments.query or 'no query'}"
    table = Table(
        "client", "tokens a message", "tokens a second", "server's µs a token",
        "p99 of /healthz, ms", "p99 of one generated token, ms", title=title,
    )  # fmt: skip
    flags = ["--preset", arguments.preset, "--journal", arguments.journal]
    flags += ["--variant", arguments.variant] if arguments.preset == "dendrites" else []
    os.sched_setaffinity(0, {SERVER_CORE})  # the server inherits it
    with running(*flags) as server, httpx.Client(base_url=server.url, timeout=60) as rest:
        os.sched_setaffinity(0, {CLIENT_CORE})
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as clients:
            for client in arguments.clients:
                for size in arguments.sizes:
                    table.add_row(*row_of(server, rest, clients, arguments, size, client))
    print(table)


if __name__ == "__main__":
    main()
